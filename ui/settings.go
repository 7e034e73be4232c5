package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/ui/theme"
)

// settingsScreen chooses the theme and says what the program is.
type settingsScreen struct {
	ui      *UI
	content *fyne.Container
	choice  *widget.RadioGroup
}

func newSettingsScreen(u *UI) *settingsScreen {
	s := &settingsScreen{ui: u}
	words := []string{u.t("As the desktop"), u.t("Light"), u.t("Dark")}
	s.choice = widget.NewRadioGroup(words, nil)
	s.choice.Required = true
	s.choice.Selected = words[0]
	for i, mode := range theme.Modes() {
		if string(mode) == u.app.Preferences().String(themeKey) {
			s.choice.Selected = words[i]
		}
	}
	s.choice.OnChanged = func(word string) {
		for i, mode := range theme.Modes() {
			if words[i] == word {
				u.app.Preferences().SetString(themeKey, string(mode))
				u.app.Settings().SetTheme(theme.New(mode))
			}
		}
	}
	about := u.t("Version {{.Version}}", map[string]any{"Version": u.app.Metadata().Version})
	looks := newPanel(stack(0, strong(u.t("Appearance")), inset(s.choice)))
	product := newPanel(stack(0, strong("Lamina"), body(u.t("Checks layered proof of work: headers, merged-mining proofs, inclusion and blocks. It holds no keys and opens no connection.")), caption(about)))
	content, _ := scrolled(container.New(&column{gap: gap, most: 560}, heading(u.t("Settings")), looks, product))
	s.content = content
	return s
}
