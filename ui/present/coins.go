package present

import (
	"strings"

	"github.com/layeredpow/lamina/internal/app"
)

// CoinLine is a coin in a list.
type CoinLine struct {
	Value string
	Where string // label, else shortened address
	State string // how deep, and what keeps it from being spent
}

// CoinLine writes a coin.
func (x *Texts) CoinLine(c *app.Coin, u app.Unit) CoinLine {
	where := Short(c.Address)
	switch {
	case c.Label != "":
		where = "\u201c" + c.Label + "\u201d"
	case c.Address == "":
		where = Short(c.Outpoint)
	}
	return CoinLine{Value: x.Amount(c.Value, u), Where: where, State: strings.Join(x.coinFacts(c), " \u00b7 ")}
}

func (x *Texts) coinFacts(c *app.Coin) (facts []string) {
	facts = append(facts, x.CoinState(c.State, c.Depth))
	marks := []struct {
		set  bool
		text string
	}{
		{c.Frozen, x.t("frozen")}, {c.WatchOnly, x.t("only watched")}, {c.Change, x.t("change")}, {c.Reused,
			x.t("reused")},
	}
	for _, m := range marks {
		if m.set {
			facts = append(facts, m.text)
		}
	}
	for _, tag := range c.Tags {
		facts = append(facts, "#"+tag)
	}
	return facts
}

// CoinState says what a coin's state is.
func (x *Texts) CoinState(state string, depth int32) string {
	switch state {
	case "confirmed":
		if depth == 1 {
			return x.t("1 block deep")
		}
		return x.t("{{.N}} blocks deep", words{"N": number(depth)})
	case "immature":
		return x.t("not mature yet")
	case "own unconfirmed":
		return x.t("change on its way back")
	case "unconfirmed":
		return x.t("coming in")
	case "name":
		return x.t("bound to a name")
	}
	return state
}

// Chosen says what is selected.
func (x *Texts) Chosen(coins int, sum int64, all int, allSum int64, u app.Unit) string {
	if coins == 0 {
		return x.t("{{.N}} coins, {{.Sum}}. None chosen.", words{"N": number(all), "Sum": x.Amount(allSum, u)})
	}
	return x.t("Chosen: {{.N}} of {{.All}} coins, {{.Sum}}.", words{"N": number(coins), "All": number(all), "Sum": x.Amount(sum, u)})
}

// SplitTags reads tags that are parted by commas.
func SplitTags(text string) (tags []string) {
	for _, tag := range strings.Split(text, ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "#"); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

// AddressNote says what an address of ours is.
func (x *Texts) AddressNote(a *app.Address) string {
	if a.Address == "" {
		return ""
	}
	notes := []string{addressKind(a.Kind), x.t("number {{.N}}", words{"N": number(a.Index + 1)})}
	switch {
	case a.Uses == 0:
		notes = append(notes, x.t("never paid yet"))
	default:
		notes = append(notes, x.t("paid {{.N}} times: another one keeps payments apart", words{"N": number(a.Uses)}))
	}
	if a.Beyond {
		notes = append(notes, x.t("far ahead: other wallets may not find it after restoring"))
	}
	if a.WatchOnly {
		notes = append(notes, x.t("only watched: its key is elsewhere"))
	}
	return strings.Join(notes, " \u00b7 ")
}

// addressKind writes a kind of address as people call it.
func addressKind(kind string) string {
	switch kind {
	case "p2pkh":
		return "P2PKH"
	case "p2sh-p2wpkh":
		return "P2SH-P2WPKH"
	case "p2wpkh":
		return "SegWit"
	case "p2tr":
		return "Taproot"
	}
	return kind
}
