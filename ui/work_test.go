package ui

import (
	"image"
	"image/color"
	"slices"
	"testing"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui/present"
)

// TestLayersShowTheWork: the stack that is followed stands first with its heights, and a layer's page shows the measured share,
// its seals and who mines it.
func TestLayersShowTheWork(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, desk, m)
	b.frame.open(layersAt)
	b.pump()
	b.wantShown("Followed here", "Dev carries its own work and borrows none.", "Block 850\u202f000")
	if b.layers.chain != "dev" || !b.layers.rows["dev"].selected {
		t.Errorf("the page of %s is open, want the followed L1's", b.layers.chain)
	}
	b.layers.open("dev-native")
	b.pump()
	b.wantShown("At least 51\u202f% of Dev's work protects Dev native.", "50\u202f%, surely 42\u202f% to 58\u202f%", "2026-11-21",
		"in stretches of 72 blocks", "payee 9f86d081\u2026", "It takes 2 payees together", "24 confirmations", "Easiest target")
	b.layers.open("dev-issued")
	b.pump()
	b.wantShown("is not known yet: no layer block on a known L1 block has been seen.")
	b.wantHidden("It takes 2 payees together", "surely")
	m.note(func() { m.err = app.Coded(app.CodeInternal, "block 7: 79 bytes, want 80") })
	b.layers.open("dev-native")
	b.pump()
	b.wantShown("block 7: 79 bytes, want 80", "Synchronisation")
	b.wantHidden("surely")
	b.layers.open("litecoin") // nobody follows it
	b.pump()
	b.wantHidden("79 bytes", "The work behind it")
}

// TestSharePicture reads the chart back from its pixels: the line lies at its share, the band between the bounds.
func TestSharePicture(t *testing.T) {
	newWalletBench(t, desk, newMoney())
	c := newShareChart()
	red := color.NRGBA{R: 0xFF, A: 0xFF}
	c.set(present.Work{Course: []present.Stretch{{Low: 0.5, Share: 0.6, High: 0.7}, {Low: 0.1, Share: 0.2, High: 0.3}}}, red)
	r := c.CreateRenderer().(*chartRenderer)
	const w, h = 101, 200
	out := r.draw(w, h).(*image.NRGBA)
	for _, test := range []struct {
		x                    int
		low, share, high, of float64
	}{{0, 0.5, 0.6, 0.7, 1}, {w / 2, 0.3, 0.4, 0.5, 1}, {w - 1, 0.1, 0.2, 0.3, 1}} {
		var band, line []int
		for y := range h {
			switch a := out.NRGBAAt(test.x, y).A; {
			case a == 0xFF:
				line = append(line, y)
				fallthrough
			case a > 0x20:
				band = append(band, y)
			}
		}
		at := func(share float64) int { return int(h * (1 - share)) }
		near := func(y, want int) bool { return max(y-want, want-y) <= 3 }
		if len(line) == 0 || !near(slices.Min(line), at(test.share)) || !near(slices.Max(line), at(test.share)) {
			t.Errorf("at %d the line covers %v, want %d", test.x, line, at(test.share))
		}
		if len(band) == 0 || !near(slices.Min(band), at(test.high)) || !near(slices.Max(band), at(test.low)) {
			t.Errorf("at %d the band covers %v, want %d to %d", test.x, band, at(test.high), at(test.low))
		}
	}
	for _, high := range []float64{0.004, 0.09, 0.15, 0.4, 0.8} {
		c.set(present.Work{Course: []present.Stretch{{High: high}}}, red)
		if top := c.top(); top < high || top > max(0.01, high*5) {
			t.Errorf("a share of up to %g is drawn up to %g", high, top)
		}
	}
}

// TestTimeLine counts seals and near misses in the picture.
func TestTimeLine(t *testing.T) {
	newWalletBench(t, desk, newMoney())
	red, blue := color.NRGBA{R: 0xFF, A: 0xFF}, color.NRGBA{B: 0xFF, A: 0xFF}
	line := newTimeLine()
	line.set([]present.Stretch{{Blocks: 1, Seals: 1}, {Blocks: 1, Near: 3}, {Blocks: 1, Seals: 1, Near: 1}, {Blocks: 1}}, red, blue)
	const w, h = 400, layerHigh + betweenHigh + l1High
	out := line.draw(w, h).(*image.NRGBA)
	if out.NRGBAAt(10, 2) != red || out.NRGBAAt(w/2-50, h-2) != blue {
		t.Error("the strata are not where they should be")
	}
	for i, want := range []struct {
		seals bool
		dots  int
	}{{true, 0}, {false, 3}, {true, 1}, {false, 0}} {
		seals, dots := false, 0
		for x := i * w / 4; x < (i+1)*w/4; x++ {
			seals = seals || out.NRGBAAt(x, layerHigh+betweenHigh/2) == red
		}
		x, inDot := i*w/4+w*8/40, false
		for y := layerHigh; y < layerHigh+betweenHigh; y++ {
			on := out.NRGBAAt(x, y).A != 0
			if on && !inDot {
				dots++
			}
			inDot = on
		}
		if seals != want.seals || dots != want.dots {
			t.Errorf("block %d: sealed %v with %d dots, want %v", i, seals, dots, want)
		}
	}
}

// TestOverviewSaysWhatIsPendingAndWhy: payments and what is on its way between chains, each once.
func TestOverviewSaysWhatIsPendingAndWhy(t *testing.T) {
	m := newMoney()
	m.journeys = 2
	b := newWalletBench(t, desk, m)
	b.wantShown("pending, in no block yet", "3 of 14 blocks deep. About 2 h more.", "2 of 24 recommended")
	if n := len(b.overview.recent.list.Objects); n != m.rows-1 {
		t.Errorf("%d payments under Recent, want %d: the pending one stands above", n, m.rows-1)
	}
	b.tap("Why is it believed?")
	b.pump()
	b.wantShown("looked through to the tip", "Dev: Every reason was checked.")
	b.take(app.Purse{Wallet: "main", Chain: "dev-native"})
	b.pump()
	b.wantHidden("looked through to the tip")
	b.overview.pending.moves[0].onPress()
	if b.frame.at != settleAt {
		t.Error("a deposit on its way does not lead to Settle")
	}
}

// TestConsents: what the user agrees to is asked for by chain, and kept.
func TestConsents(t *testing.T) {
	m := newMoney()
	b := newWalletBench(t, phone, m)
	b.frame.open(settingsAt)
	n := b.settings.network
	b.wantHidden("may be told which addresses")
	n.consents.history.SetSelectedIndex(2)
	n.stack.SetSelectedIndex(slices.Index(n.stacks, "litecoin"))
	b.wantShown("Peers of Dogecoin may be told which addresses to look for", "is never called verified")
	b.wantWhole()
	n.consents.history.SetSelectedIndex(2)
	n.consents.bloom["dogecoin"].SetChecked(true)
	b.tap("Apply")
	b.pump()
	if c := m.config; c.Verify != app.VerifySample || !slices.Equal(c.Bloom, []string{"dogecoin"}) || c.Stack != "litecoin" {
		t.Errorf("opened with %+v", c)
	}
	b.settings.refresh(allChanged)
	if n.consents.history.SelectedIndex() != 2 || !n.consents.bloom["dogecoin"].Checked {
		t.Error("what was agreed to is not shown")
	}
	n.stack.SetSelectedIndex(slices.Index(n.stacks, "dev")) // another stack has agreed to nothing
	b.tap("Apply")
	b.pump()
	if len(m.config.Bloom) != 0 {
		t.Errorf("opened with %+v", m.config)
	}
}

// TestMoreChains: a wallet that lacks chains of its stack can be given them.
func TestMoreChains(t *testing.T) {
	m := newMoney()
	m.wallets[0].Chains = []string{"dev"}
	b := newWalletBench(t, phone, m)
	b.frame.open(settingsAt)
	b.tap("Use more chains")
	w := b.settings.wallet
	w.tasks[len(w.tasks)-1].fields[0].SetText("right")
	b.tap("Add them")
	b.pump()
	b.wantShown("The wallet has an account on every chain that is followed.")
	b.wantHidden("Use more chains")
	if got := m.wallets[0].Chains; !slices.Equal(got, []string{"dev", "dev-native", "dev-issued"}) {
		t.Errorf("the wallet is on %v", got)
	}
}
