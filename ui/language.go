package ui

import (
	"encoding/json"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/layeredpow/lamina/ui/present"
)

// language is one in which every text is there.
type language struct {
	code, name string // name in the language itself
}

var languages = []language{{"en", "English"}, {"es", "Espa\u00f1ol"}, {"de", "Deutsch"}, {"fr", "Fran\u00e7ais"}, {"zh", "\u4e2d\u6587 (Chinese)"}}

// translate returns the texts of a language; an empty or unknown code means the desktop's,
// else English.
func translate(code string) present.Translate {
	known := func(code string) bool {
		for _, l := range languages {
			if l.code == code {
				return true
			}
		}
		return false
	}
	if !known(code) {
		code = lang.SystemLocale().LanguageString()
		if len(code) > 2 {
			code = code[:2]
		}
	}
	if !known(code) {
		code = languages[0].code
	}
	src, err := translations.ReadFile("translations/" + code + ".json")
	texts := map[string]string{}
	if err == nil {
		err = json.Unmarshal(src, &texts)
	}
	if err != nil {
		fyne.LogError("translations", err) // English keys are shown instead
	}
	return func(english string, data ...any) string {
		if text, ok := texts[english]; ok {
			english = text
		}
		return present.English(english, data...)
	}
}
