package present

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/layeredpow/lamina/internal/app"
)

// Style is how the owner wants amounts and times written.
type Style struct {
	Thousandths bool           // amounts in thousandths of a coin ("mX") instead of coins
	Zone        *time.Location // nil: UTC
}

// SetStyle changes how amounts and times are written from now on.
func (x *Texts) SetStyle(s Style) { x.style = s }

// scale returns the unit that amounts are written in.
func (x *Texts) scale(u app.Unit) app.Unit {
	if x.style.Thousandths && u.Decimals >= 3 {
		return app.Unit{Symbol: "m" + u.Symbol, Decimals: u.Decimals - 3}
	}
	return u
}

// Symbol returns the name of the unit that amounts are written and read in.
func (x *Texts) Symbol(u app.Unit) string { return x.scale(u).Symbol }

// Amount writes base units with their unit.
func (x *Texts) Amount(units int64, u app.Unit) string {
	s := x.scale(u)
	return amount(units, s.Decimals, s.Symbol)
}

// Plain writes base units without unit and spaces, as ParseAmount reads them.
func (x *Texts) Plain(units int64, u app.Unit) string {
	text := strings.TrimSuffix(amount(units, x.scale(u).Decimals, ""), " ")
	return strings.ReplaceAll(text, thin, "")
}

// signed is Amount with a plus before what comes in.
func (x *Texts) signed(units int64, u app.Unit) string {
	if units > 0 {
		return "+" + x.Amount(units, u)
	}
	return x.Amount(units, u)
}

// maxAmountText is more than any amount needs: 19 digits, groups, a point.
const maxAmountText = 40

// ParseAmount reads an amount above zero in the unit that Symbol names, with a point or a
// comma before the decimals and spaces between groups.
func (x *Texts) ParseAmount(text string, u app.Unit) (int64, error) {
	s := x.scale(u)
	clean := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\u00a0', '\u202f':
			return -1
		case ',':
			return '.'
		}
		return r
	}, text)
	if clean == "" {
		return 0, fmt.Errorf("%s", x.t("Amount: not given yet."))
	}
	bad := fmt.Errorf("%s", x.t("Amount: {{.Got}} is no amount of {{.Unit}}.", words{"Got": strconv.Quote(cut(text,
		maxAmountText)), "Unit": s.Symbol}))
	whole, part, _ := strings.Cut(clean, ".")
	if len(clean) > maxAmountText || strings.Trim(whole+part, "0123456789") != "" || whole+part == "" {
		return 0, bad
	}
	if part = strings.TrimRight(part, "0"); len(part) > s.Decimals {
		return 0, fmt.Errorf("%s", x.t("Amount: {{.Unit}} has {{.N}} decimals, not more.", words{"Unit": s.Symbol, "N": s.Decimals}))
	}
	units, err := strconv.ParseInt(whole+part+strings.Repeat("0", s.Decimals-len(part)), 10, 64)
	switch {
	case err != nil:
		return 0, bad
	case units == 0:
		return 0, fmt.Errorf("%s", x.t("Amount: zero cannot be paid."))
	}
	return units, nil
}

// cut shortens a text to a number of letters.
func cut(text string, most int) string {
	letters := []rune(text)
	if len(letters) <= most {
		return text
	}
	return string(letters[:most]) + "\u2026"
}

// Short cuts the middle out of an address or an id, never the ends.
func Short(text string) string {
	if len(text) <= 22 {
		return text
	}
	return text[:10] + "\u2026" + text[len(text)-8:]
}

// LookAlike says whether two addresses differ, and yet begin and end alike: as far as people
// look when they compare.
func LookAlike(a, b string) bool {
	const head, tail = 8, 4
	return a != b && len(a) > head+tail && len(b) > head+tail && a[:head] == b[:head] && a[len(a)-tail:] == b[len(b)-tail:]
}

// Fours parts an address into groups of four, to be compared by eye.
func Fours(text string) string {
	var b strings.Builder
	for i, r := range text {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// satDecimals are those of the units whose hundred-millionth is known as a sat.
const satDecimals = 8

// rate writes a fee rate per virtual byte.
func (x *Texts) rate(perThousand int64, u app.Unit) string {
	text := strconv.FormatFloat(float64(perThousand)/1000, 'f', 2, 64)
	text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	if u.Decimals == satDecimals {
		return text + "\u202fsat/vB"
	}
	return x.t("{{.Rate}} base units/vB", words{"Rate": text})
}

// when writes a time in the owner's zone, to the minute.
func (x *Texts) when(t time.Time) string {
	if t.IsZero() {
		return x.t("not known yet")
	}
	zone := x.style.Zone
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone).Format("2006-01-02 15:04")
}

// day writes the day of a time in the owner's zone.
func (x *Texts) day(t time.Time) string {
	day, _, _ := strings.Cut(x.when(t), " ")
	return day
}

// span writes a stretch of seconds roughly: 40 s, 3 min, 2 h, 5 d.
func (x *Texts) span(seconds int64) string {
	switch {
	case seconds < 90:
		return x.t("{{.N}} s", words{"N": number(seconds)})
	case seconds < 90*60:
		return x.t("{{.N}} min", words{"N": number((seconds + 30) / 60)})
	case seconds < 48*3600:
		return x.t("{{.N}} h", words{"N": number((seconds + 1800) / 3600)})
	}
	return x.t("{{.N}} d", words{"N": number((seconds + 43200) / 86400)})
}

// percent writes a share of 0 to 1, cut off and not rounded: 100 % is all.
func percent(share float64) string {
	return strconv.Itoa(int(max(0, min(1, share))*100)) + "\u202f%"
}
