package swap_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil/bech32"

	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/swap"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// deal is a swap between two chains, as both parties see it.
type deal struct {
	offer         swap.Offer
	answer        swap.Answer
	first, second swap.Standing
}

// Keys: maker's refund 11, redeem 12, signer 13; taker's 21, 22, 23.
func newDeal(t testing.TB, give, get string, makerFirst bool) *deal {
	t.Helper()
	set := testchain.Set(t)
	standing := func(name string) swap.Standing {
		p, err := set.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		at := swap.Standing{Chain: p, Clock: p, Height: 5000, Stress: 2 * p.Policy.WalletFee, Confirm: 6}
		if p.Kind.Layered() {
			at.Clock = set.L1Of(p)
		}
		return at
	}
	form := func(p *chains.Params) swap.Form {
		switch {
		case p.Address.Taproot:
			return swap.P2TR
		case p.Address.HRP != "":
			return swap.P2WSH
		}
		return swap.P2SH
	}
	a, b := standing(give), standing(get)
	d := &deal{first: a, second: b}
	d.offer = swap.Offer{MakerFirst: makerFirst,
		Give: swap.Asset{Chain: a.Chain.NetID(), Form: form(a.Chain), Amount: 1e9},
		Get:  swap.Asset{Chain: b.Chain.NetID(), Form: form(b.Chain), Amount: 2e9},
		T1:   5300, T2: 5100, Refund: public(11), Redeem: public(12), Signer: [32]byte(schnorr.SerializePubKey(private(13).PubKey()))}
	d.answer = swap.Answer{Refund: public(21), Redeem: public(22), Signer: [32]byte(schnorr.SerializePubKey(private(23).PubKey()))}
	if makerFirst {
		d.offer.Hash = hashed
	} else {
		d.answer.Hash = hashed
		d.first, d.second = b, a
	}
	d.answer.Offer = d.offer.ID()
	return d
}

func (d *deal) terms(t testing.TB) swap.Terms {
	t.Helper()
	terms, err := swap.Join(&d.offer, &d.answer)
	if err != nil {
		t.Fatal(err)
	}
	return terms
}

func sign(t testing.TB, key int, id spv.Hash) [64]byte {
	t.Helper()
	sig, err := schnorr.Sign(private(key), id[:])
	if err != nil {
		t.Fatal(err)
	}
	return [64]byte(sig.Serialize())
}

func TestJoin(t *testing.T) {
	for _, makerFirst := range []bool{true, false} {
		d := newDeal(t, "layer-regtest", "bitcoin-regtest", makerFirst)
		terms := d.terms(t)
		maker, taker := swap.Initiator, swap.Responder
		if !makerFirst {
			maker, taker = taker, maker
		}
		if err := terms.CheckOwn(maker, public(11), public(12)); err != nil {
			t.Error(err)
		}
		if err := terms.CheckOwn(taker, public(21), public(22)); err != nil {
			t.Error(err)
		}
		if got := terms.Pays(maker); got.Chain != d.offer.Give.Chain || got.Amount != d.offer.Give.Amount || got.To != public(22) {
			t.Errorf("maker pays %+v", got)
		}
		if got := terms.Gets(maker); got.Chain != d.offer.Get.Chain || got.Amount != d.offer.Get.Amount || got.From != public(21) {
			t.Errorf("maker gets %+v", got)
		}
		if terms.First.Expiry != d.offer.T1 || terms.Second.Expiry != d.offer.T2 || terms.Hash != hashed {
			t.Errorf("terms %+v", terms)
		}
		d.answer.Offer[0]++
		if _, err := swap.Join(&d.offer, &d.answer); err == nil {
			t.Error("an answer to another offer fits")
		}
		d.answer.Offer[0]--
		d.answer.Hash[5] ^= 0xff
		if !makerFirst {
			d.answer.Hash = [32]byte{}
		}
		if _, err := swap.Join(&d.offer, &d.answer); err == nil {
			t.Error("two hashes, or none, fit")
		}
	}
}

func TestTermsCheck(t *testing.T) {
	type world struct {
		*deal
		*swap.Terms
	}
	for _, c := range []struct {
		name      string
		give, get string
		want      string // empty: accepted
		spoil     func(w *world)
	}{
		{"layer for L1", "layer-regtest", "bitcoin-regtest", "", func(*world) {}},
		{"L1 for layer", "bitcoin-regtest", "layer-regtest", "", func(*world) {}},
		{"layer for layer", "dev-issued", "dev-fractional", "", func(w *world) { w.Second.Amount *= 1000 }},
		{"revealed on L1, margin 144", "layer-regtest", "bitcoin-regtest", "", func(w *world) { w.First.Expiry = 5100 + 144 }},
		{"revealed on L1, margin 143", "layer-regtest", "bitcoin-regtest", swap.CheckExpiry, func(w *world) { w.First.Expiry = 5100 + 143 }},
		{"revealed on a layer, margin 72", "bitcoin-regtest", "layer-regtest", "", func(w *world) { w.First.Expiry = 5100 + 72 }},
		{"revealed on a layer, margin 71", "bitcoin-regtest", "layer-regtest", swap.CheckExpiry, func(w *world) { w.First.Expiry = 5100 + 71 }},
		{"expiries swapped", "bitcoin-regtest", "layer-regtest", swap.CheckExpiry, func(w *world) {
			w.First.Expiry, w.Second.Expiry = w.Second.Expiry, w.First.Expiry
		}},
		{"just in time", "bitcoin-regtest", "layer-regtest", "", func(w *world) { w.first.Height, w.second.Height = 5069, 5069 }},
		{"late take", "bitcoin-regtest", "layer-regtest", swap.CheckLate, func(w *world) { w.first.Height, w.second.Height = 5070, 5070 }},
		{"take after all", "bitcoin-regtest", "layer-regtest", swap.CheckLate, func(w *world) { w.first.Height, w.second.Height = 9000, 9000 }},
		{"locked for a month", "bitcoin-regtest", "layer-regtest", swap.CheckLock, func(w *world) { w.First.Expiry = 5000 + 4033 }},
		{"locked for nearly a month", "bitcoin-regtest", "layer-regtest", "", func(w *world) { w.First.Expiry = 5000 + 4032 }},
		{"locked for ever", "bitcoin-regtest", "layer-regtest", swap.CheckLock, func(w *world) { w.First.Expiry = swap.MaxHeight }},
		{"a time", "bitcoin-regtest", "layer-regtest", swap.CheckKeys, func(w *world) { w.First.Expiry = 1_700_000_000 }},
		{"own keys swapped for the other's", "bitcoin-regtest", "layer-regtest", swap.CheckKeys, func(w *world) { w.Second.To = w.First.To }},
		{"one key for both sides", "bitcoin-regtest", "layer-regtest", swap.CheckKeys, func(w *world) { w.First.From = w.Second.From }},
		{"no hash", "bitcoin-regtest", "layer-regtest", swap.CheckKeys, func(w *world) { w.Terms.Hash = [32]byte{} }},
		{"one chain", "bitcoin-regtest", "layer-regtest", swap.CheckChains, func(w *world) { w.Second.Chain = w.First.Chain }},
		{"chains swapped", "bitcoin-regtest", "layer-regtest", swap.CheckChains, func(w *world) {
			w.First.Chain, w.Second.Chain = w.Second.Chain, w.First.Chain
		}},
		{"dust", "bitcoin-regtest", "layer-regtest", swap.CheckAmounts, func(w *world) { w.First.Amount = 400 }},
		{"worth less than a stressed fee", "bitcoin-regtest", "layer-regtest", swap.CheckAmounts, func(w *world) { w.first.Stress = 10_000_000_000 }},
		{"more than all money", "bitcoin-regtest", "layer-regtest", swap.CheckAmounts, func(w *world) { w.Second.Amount = 21e14 + 1 }},
		{"negative", "bitcoin-regtest", "layer-regtest", swap.CheckAmounts, func(w *world) { w.Second.Amount = -1 }},

		{"clocks apart", "bitcoin", "dogecoin", "", func(w *world) { far(w.Terms, 5000+1300, 5000+800) }},
		{"clocks apart, margin too small", "bitcoin", "dogecoin", swap.CheckExpiry, func(w *world) { far(w.Terms, 5000+200, 5000+800) }},
		{"clocks apart, heights that look far", "dogecoin", "bitcoin", swap.CheckExpiry, func(w *world) { far(w.Terms, 5000+1300, 5000+144) }},
		{"clocks apart, late", "bitcoin", "dogecoin", swap.CheckLate, func(w *world) { far(w.Terms, 5000+1300, 5000+360) }},
		{"no taproot there", "litecoin", "dogecoin", swap.CheckForms, func(w *world) { w.Second.Form = swap.P2TR }},
		{"no segwit there", "litecoin", "dogecoin", swap.CheckForms, func(w *world) { w.Second.Form = swap.P2WSH }},
	} {
		d := newDeal(t, c.give, c.get, true)
		terms := d.terms(t)
		c.spoil(&world{d, &terms})
		for _, rep := range []*spv.Report{nil, {}} {
			err := terms.Check(d.first, d.second, rep)
			var bad *spv.CheckError
			errors.As(err, &bad)
			if (c.want == "" && err != nil) || (c.want != "" && (bad == nil || bad.Name != c.want)) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		}
	}
}

func far(t *swap.Terms, t1, t2 uint32) { t.First.Expiry, t.Second.Expiry = t1, t2 }

func TestCheckReveal(t *testing.T) {
	d := newDeal(t, "bitcoin-regtest", "layer-regtest", true)
	terms := d.terms(t)
	for height, ok := range map[int32]bool{5000: true, 5081: true, 5082: false, 5100: false, 6000: false} {
		d.second.Height = height
		if err := terms.CheckReveal(d.first, d.second); (err == nil) != ok {
			t.Errorf("at %d: %v", height, err)
		}
	}
	d = newDeal(t, "bitcoin", "dogecoin", true) // 3 hours at up to 1.5 blocks a minute
	terms = d.terms(t)
	for left, ok := range map[uint32]bool{270: false, 271: true} {
		terms.Second.Expiry = 5000 + left
		if err := terms.CheckReveal(d.first, d.second); (err == nil) != ok {
			t.Errorf("%d blocks left: %v", left, err)
		}
	}
	d.first.Clock = d.second.Chain
	if terms.CheckReveal(d.first, d.second) == nil {
		t.Error("a chain by another's clock passes")
	}
}

func TestCheckOwn(t *testing.T) {
	d := newDeal(t, "bitcoin-regtest", "layer-regtest", true)
	for name, spoil := range map[string]func(*swap.Terms){
		"our money goes back to him":      func(t *swap.Terms) { t.First.From = public(21) },
		"his money goes to him":           func(t *swap.Terms) { t.Second.To = public(22) },
		"our keys in each other's places": func(t *swap.Terms) { t.First.From, t.Second.To = t.Second.To, t.First.From },
		"sides swapped":                   func(t *swap.Terms) { t.First, t.Second = t.Second, t.First },
	} {
		terms := d.terms(t)
		spoil(&terms)
		err := terms.CheckOwn(swap.Initiator, public(11), public(12))
		var bad *spv.CheckError
		if !errors.As(err, &bad) || bad.Name != swap.CheckOwn {
			t.Errorf("%s: %v", name, err)
		}
	}
	terms := d.terms(t)
	if terms.CheckOwn(0, public(11), public(12)) == nil {
		t.Error("no role passes")
	}
}

func TestOfferText(t *testing.T) {
	for _, makerFirst := range []bool{true, false} {
		d := newDeal(t, "layer-regtest", "bitcoin-regtest", makerFirst)
		text, err := d.offer.Encode(sign(t, 13, d.offer.ID()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := swap.DecodeOffer(text)
		if err != nil || *got != d.offer {
			t.Fatalf("%v: %+v, want %+v", err, got, d.offer)
		}
		reply, err := d.answer.Encode(sign(t, 23, d.answer.ID()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := swap.DecodeAnswer(reply); err != nil || *got != d.answer {
			t.Fatalf("%v: %+v, want %+v", err, got, d.answer)
		}
		for name, bad := range map[string]string{
			"empty": "", "cut": text[:len(text)-1], "longer": text + "q", "upper case": strings.ToUpper(text),
			"mixed case": "L" + text[1:], "answer": reply, "one letter": text[:40] + flip(text[40]) + text[41:],
		} {
			if _, err := swap.DecodeOffer(bad); err == nil {
				t.Errorf("%s: decoded", name)
			}
		}
		if _, err := swap.DecodeAnswer(text); err == nil {
			t.Error("an offer is decoded as an answer")
		}
		if _, err := d.offer.Encode(sign(t, 14, d.offer.ID())); err == nil {
			t.Error("an offer signed by another is encoded")
		}
		if _, err := d.answer.Encode(sign(t, 13, d.answer.ID())); err == nil {
			t.Error("an answer signed by another is encoded")
		}
	}
}

func flip(c byte) string {
	if c == 'q' {
		return "p"
	}
	return "q"
}

// TestOfferBytes spoils the bytes under a right checksum, with a right signature where the
// rule is not about the signature.
func TestOfferBytes(t *testing.T) {
	d := newDeal(t, "layer-regtest", "bitcoin-regtest", true)
	for name, spoil := range map[string]func(*swap.Offer){
		"form":            func(o *swap.Offer) { o.Give.Form = 4 },
		"amount":          func(o *swap.Offer) { o.Get.Amount = 0 },
		"negative amount": func(o *swap.Offer) { o.Get.Amount = -5 },
		"one chain":       func(o *swap.Offer) { o.Get.Chain = o.Give.Chain },
		"expiry":          func(o *swap.Offer) { o.T2 = 0 },
		"time":            func(o *swap.Offer) { o.T1 = 500_000_000 },
		"hash missing":    func(o *swap.Offer) { o.Hash = [32]byte{} },
		"hash of another": func(o *swap.Offer) { o.MakerFirst = false },
		"key":             func(o *swap.Offer) { o.Redeem = swap.Key{9} },
		"one key":         func(o *swap.Offer) { o.Redeem = o.Refund },
	} {
		o := d.offer
		spoil(&o)
		if _, err := o.Encode(sign(t, 13, o.ID())); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
	text, err := d.offer.Encode(sign(t, 13, d.offer.ID()))
	if err != nil {
		t.Fatal(err)
	}
	b := payload(t, text)
	for i := range b {
		changed := append([]byte(nil), b...)
		changed[i] ^= 1
		if _, err := swap.DecodeOffer(pack(t, "lpoffer", changed, bech32.EncodeM)); err == nil {
			t.Errorf("byte %d spoiled: decoded", i)
		}
	}
	for name, bad := range map[string]string{
		"bech32":     pack(t, "lpoffer", b, bech32.Encode),
		"prefix":     pack(t, "lpoffex", b, bech32.EncodeM),
		"short":      pack(t, "lpoffer", b[:len(b)-1], bech32.EncodeM),
		"long":       pack(t, "lpoffer", append(b, 0), bech32.EncodeM),
		"nothing":    pack(t, "lpoffer", nil, bech32.EncodeM),
		"no letters": strings.Repeat("1", len(text)),
	} {
		if _, err := swap.DecodeOffer(bad); err == nil {
			t.Errorf("%s: decoded", name)
		}
	}
}

func payload(t testing.TB, text string) []byte {
	t.Helper()
	_, groups, err := bech32.DecodeNoLimit(text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bech32.ConvertBits(groups, 5, 8, false)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func pack(t testing.TB, prefix string, b []byte, encode func(string, []byte) (string, error)) string {
	t.Helper()
	groups, err := bech32.ConvertBits(b, 8, 5, true)
	if err != nil {
		t.Fatal(err)
	}
	text, err := encode(prefix, groups)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// FuzzOffer works below checksum and signature: the seed's bytes are changed, signed anew
// and must come back the same if they come back at all.
func FuzzOffer(f *testing.F) {
	d := newDeal(f, "layer-regtest", "bitcoin-regtest", true)
	text, err := d.offer.Encode(sign(f, 13, d.offer.ID()))
	if err != nil {
		f.Fatal(err)
	}
	b := payload(f, text)
	f.Add(b[:len(b)-64], text)
	f.Fuzz(func(t *testing.T, fields []byte, text string) {
		if o, err := swap.DecodeOffer(text); err == nil {
			if again, err := o.Encode([64]byte(payload(t, text)[len(b)-64:])); err != nil || again != text {
				t.Fatalf("%s decodes but encodes to %s, %v", text, again, err)
			}
		}
		_, _ = swap.DecodeAnswer(text)
		if len(fields) != len(b)-64 {
			return
		}
		copy(fields[len(fields)-32:], d.offer.Signer[:])
		sig := sign(t, 13, taggedHash("LPOW/offer", fields))
		whole := pack(t, "lpoffer", append(append([]byte(nil), fields...), sig[:]...), bech32.EncodeM)
		o, err := swap.DecodeOffer(whole)
		if err != nil {
			return
		}
		if again, err := o.Encode(sig); err != nil || again != whole {
			t.Fatalf("%x decodes but encodes to another text, %v", fields, err)
		}
	})
}

// taggedHash is BIP340's, written out.
func taggedHash(tag string, m []byte) spv.Hash {
	th := sha256.Sum256([]byte(tag))
	return sha256.Sum256(append(append(append([]byte(nil), th[:]...), th[:]...), m...))
}
