package present

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/said"
)

// Say says a sentence of the engine in the user's language. One that has no translation is quoted as it is, and so is
// whatever is none of ours (an error of the system, a peer's words), cut to a line or two.
func (x *Texts) Say(s said.Sentence) string {
	switch {
	case s.Form == "":
		return ""
	case s.Form == said.Foreign && len(s.Values) == 1:
		return x.value(s.Values[0])
	case strings.Contains(s.Form, "{{"):
		return x.quoted(s.String())
	}
	values := words{}
	for i, v := range s.Values {
		values[string(rune('A'+i))] = x.value(v)
	}
	form := s.Placed()
	translate := x.t // the forms are in the engine: see TestSentencesAreTranslated
	text := translate(form, values)
	if text == English(form, values) && wordy(form) {
		return x.t("{{.Text}}", words{"Text": text})
	}
	return text
}

var place = regexp.MustCompile(`{{\.[A-Z]}}`)

// wordy tells a form that has words from one that only joins values, which may read the same in another language.
func wordy(form string) bool {
	return strings.ContainsFunc(place.ReplaceAllString(form, ""), unicode.IsLetter)
}

func (x *Texts) value(v said.Value) string {
	switch {
	case v.Number != nil:
		return number(*v.Number)
	case v.Amount != nil:
		return x.Amount(v.Amount.Units, app.Unit{Decimals: v.Amount.Decimals, Symbol: v.Amount.Symbol})
	case v.Seconds != nil:
		return x.span(*v.Seconds)
	case v.Said != nil:
		return x.Say(*v.Said)
	case v.Foreign != "":
		return x.quoted(v.Foreign)
	}
	return v.Text
}

// quoted is a text that nobody translated: in English as it is.
func (x *Texts) quoted(text string) string {
	if text == "" {
		return ""
	}
	return x.t("{{.Text}}", words{"Text": cut(text, maxWhy)})
}

// say is Say of what was said, or the English text alone where no sentence came with it.
func (x *Texts) say(s said.Sentence, english string) string {
	if s.Form == "" {
		return x.quoted(english)
	}
	return x.Say(s)
}
