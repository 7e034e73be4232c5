package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
)

// consents are what a user may agree to, and what it costs: to verify less than all, and to be known better by peers.
type consents struct {
	ui       *UI
	content  *fyne.Container
	history  *choice
	bloom    map[string]*check // by chain, of those whose peers take Bloom filters
	chains   *fyne.Container
	relayout func()
}

// histories are how much of layers' histories is verified, in the order in which it is offered.
var histories = []app.Verify{app.VerifyAsBegun, app.VerifyAll, app.VerifySample}

func newConsents(u *UI, relayout func()) *consents {
	c := &consents{ui: u, bloom: map[string]*check{}, chains: stack(0), relayout: relayout}
	c.history = newChoice([]string{u.t("as it was begun, at first all"), u.t("all, what was sampled is fetched again"),
		u.t("a sample, where a layer is new here")}, nil)
	c.content = stack(gap/2, asked(u.t("How much of layers' histories is checked"), c.history),
		caption(u.t("By a sample a layer is ready sooner: a short proof stands for its old headers, and a forged one passes with a chance of 1 in 2^{{.Bits}} at most. What rests on it is called sampled everywhere.",
			map[string]any{"Bits": app.SampleSecurity})), c.chains)
	return c
}

// set shows what is agreed to, for the chains of a stack.
func (c *consents) set(l1 string, in Config) {
	c.history.SetSelectedIndex(max(0, slices.Index(histories, in.Verify)))
	c.bloom, c.chains.Objects = map[string]*check{}, nil
	for _, st := range c.ui.rules.Stacks() {
		if st.L1.Name != l1 {
			continue
		}
		for _, p := range append(slices.Clone(st.Layers), st.L1) {
			if !p.P2P.Bloom {
				continue
			}
			agree := newCheck("", nil)
			agree.Checked = slices.Contains(in.Bloom, p.Name)
			c.bloom[p.Name] = agree
			c.chains.Objects = append(c.chains.Objects,
				wordyCheck(agree, c.ui.t("Peers of {{.Chain}} may be told which addresses to look for", map[string]any{"Chain": p.Title})))
		}
	}
	if len(c.bloom) > 0 {
		why := caption(c.ui.t("Few peers of this chain serve filters that tell nothing. With Bloom filters two peers match the blocks instead, and learn roughly which addresses are yours. What is found so is never called verified. Without, whole blocks are fetched."))
		why.Importance = widget.WarningImportance
		c.chains.Objects = append(c.chains.Objects, why)
	}
	show(c.chains, len(c.bloom) > 0)
	c.relayout()
}

// into puts what is agreed to into a configuration.
func (c *consents) into(out *Config) {
	out.Verify = histories[max(0, c.history.SelectedIndex())]
	for name, agree := range c.bloom {
		if agree.Checked {
			out.Bloom = append(out.Bloom, name)
		}
	}
	slices.Sort(out.Bloom)
}
