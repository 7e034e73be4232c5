package ui

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/ui/theme"
)

// settingsScreen chooses looks, network and how the wallet is kept, and says what the
// program is.
type settingsScreen struct {
	ui      *UI
	content *fyne.Container
	choice  *segments
	units   *segments
	speech  *choice
	network *networkCard
	wallet  *walletCard
}

func newSettingsScreen(u *UI) *settingsScreen {
	s := &settingsScreen{ui: u}
	looks := newPanel(stack(gap/2, strong(u.t("Appearance")), inset(s.newTheme()), asked(u.t("Amounts"),
		s.newUnits()), asked(u.t("Language, from the next start on"), s.newLanguage()),
		caption(u.t("Chinese is written with a font of your system. Where none has its letters, boxes are shown: install one, such as Noto Sans CJK."))))
	s.wallet, s.network = newWalletCard(u), newNetworkCard(u)
	keys := newPanel(stack(0, strong(u.t("Keyboard")),
		body(u.t("Tab and Shift+Tab move on, Enter and space press, arrows choose, Escape goes back.")),
		body(u.t("Ctrl+1 to Ctrl+9 and Ctrl+0 open the pages, Ctrl+F searches payments, Ctrl+L locks the wallets, Ctrl+O opens a file to verify, Ctrl+Enter verifies."))))
	about := u.t("Version {{.Version}}", map[string]any{"Version": u.app.Metadata().Version})
	product := newPanel(stack(0, strong("Lamina"),
		body(u.t("A wallet for layered proof of work. It verifies headers, merged-mining proofs and payments itself, and talks to peers of the chains alone.")), caption(about)))
	content, _ := scrolled(container.New(&column{gap: gap, most: formMost}, heading(u.t("Settings")), looks,
		s.wallet.panel, s.network.panel, keys, product))
	s.content = content
	s.wallet.relayout, s.network.relayout = func() { content.Refresh() }, func() { content.Refresh() }
	return s
}

func (s *settingsScreen) object() fyne.CanvasObject { return s.content }

func (s *settingsScreen) back() { s.wallet.hide() }

func (s *settingsScreen) refresh(c change) {
	if c&walletsChanged != 0 {
		s.wallet.refresh()
		s.network.refresh()
		s.content.Refresh()
	}
}

func (s *settingsScreen) newTheme() fyne.CanvasObject {
	u := s.ui
	words := []string{u.t("As the desktop"), u.t("Light"), u.t("Dark")}
	selected := words[0]
	for i, mode := range theme.Modes() {
		if string(mode) == u.app.Preferences().String(themeKey) {
			selected = words[i]
		}
	}
	s.choice = newSegments(words, selected, func(word string) {
		mode := theme.Modes()[slices.Index(words, word)]
		u.app.Preferences().SetString(themeKey, string(mode))
		u.app.Settings().SetTheme(theme.New(mode))
	})
	return s.choice.content
}

func (s *settingsScreen) newUnits() fyne.CanvasObject {
	u := s.ui
	words := []string{u.t("In coins"), u.t("In thousandths of a coin")}
	selected := words[0]
	if u.app.Preferences().Bool(thousandthsKey) {
		selected = words[1]
	}
	s.units = newSegments(words, selected, func(word string) {
		u.app.Preferences().SetBool(thousandthsKey, word == words[1])
		u.texts.SetStyle(u.style())
		u.send.clear() // what was typed was meant in the other unit
	})
	return s.units.content
}

func (s *settingsScreen) newLanguage() fyne.CanvasObject {
	u := s.ui
	names := []string{u.t("As the desktop")}
	at := 0
	for i, l := range languages {
		names = append(names, l.name)
		if l.code == u.app.Preferences().String(languageKey) {
			at = i + 1
		}
	}
	s.speech = newChoice(names, nil)
	s.speech.SetSelectedIndex(at)
	s.speech.OnChanged = func(string) {
		code := ""
		if i := s.speech.SelectedIndex(); i > 0 {
			code = languages[i-1].code
		}
		u.app.Preferences().SetString(languageKey, code)
	}
	return s.speech
}

// networkCard says what is followed and how, and the data folder.
type networkCard struct {
	ui       *UI
	panel    *panel
	folder   *widget.Label
	stack    *choice
	stacks   []string // L1 names
	proxy    *field
	peers    *field
	offline  *check
	consents *consents
	progress *progress
	relayout func()
}

func newNetworkCard(u *UI) *networkCard {
	n := &networkCard{ui: u, folder: value(u.program.Folder(), true), relayout: func() {}}
	var titles []string
	for _, st := range u.rules.Stacks() {
		n.stacks, titles = append(n.stacks, st.L1.Name), append(titles, st.L1.Title)
	}
	n.consents = newConsents(u, func() { n.relayout() })
	n.stack = newChoice(titles, func(string) {
		c := u.program.Config()
		if l1 := n.stacks[max(0, n.stack.SelectedIndex())]; l1 == c.Stack {
			n.consents.set(l1, c)
		} else {
			n.consents.set(l1, Config{Verify: c.Verify})
		}
	})
	n.proxy = newField(u, "host:port", nil)
	n.peers = newArea(u, u.t("chain host:port, one a line"), 3, nil)
	n.offline = newCheck("", nil)
	n.progress = newProgress(u, func() { n.relayout() })
	apply := newIconButton(u, u.t("Apply"), base.ConfirmIcon(), n.apply)
	n.panel = newPanel(stack(gap/2, strong(u.t("Network and data folder")), asked(u.t("Chains"), n.stack),
		asked(u.t("SOCKS5 proxy for all connections, such as Tor's"), n.proxy),
		asked(u.t("Peers of your own"), n.peers), wordyCheck(n.offline, u.t("Offline: ask nothing of the network")), n.consents.content, inset(container.NewHBox(apply)), n.progress.content,
		stack(-overlap, caption(u.t("Data folder; --data-dir chooses another")), n.folder)))
	n.refresh()
	return n
}

// refresh shows what is in use.
func (n *networkCard) refresh() {
	c := n.ui.program.Config()
	n.stack.SetSelectedIndex(slices.Index(n.stacks, c.Stack))
	n.proxy.SetText(c.Proxy)
	n.offline.SetChecked(c.Offline)
	n.consents.set(c.Stack, c)
	var lines []string
	for chain, peers := range c.Peers {
		for _, peer := range peers {
			lines = append(lines, chain+" "+peer)
		}
	}
	slices.Sort(lines)
	n.peers.SetText(strings.Join(lines, "\n"))
}

// config returns what the card says.
func (n *networkCard) config() (Config, string) {
	c := Config{Node: n.ui.program.Config().Node, Proxy: strings.TrimSpace(n.proxy.Text), Offline: n.offline.Checked, Peers: map[string][]string{}}
	if i := n.stack.SelectedIndex(); i >= 0 {
		c.Stack = n.stacks[i]
	}
	for _, line := range strings.Split(n.peers.Text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		parts := strings.Fields(line)
		if len(parts) != 2 || !strings.Contains(parts[1], ":") {
			return c, n.ui.t("Peers: {{.Line}} is none. Write the chain's name, a space, and host:port.", map[string]any{"Line": line})
		}
		c.Peers[parts[0]] = append(c.Peers[parts[0]], parts[1])
	}
	if c.Stack == "" {
		return c, n.ui.t("Choose which chains to follow.")
	}
	n.consents.into(&c)
	return c, ""
}

// apply opens the data folder anew.
func (n *networkCard) apply() {
	if n.progress.stop != nil {
		return
	}
	c, bad := n.config()
	if bad != "" {
		n.progress.warn(bad, "")
		return
	}
	n.progress.startWhole(n.ui.t("Opening the data folder\u2026")) // half open is no state to be left in
	n.ui.open(c, func(err error) {
		if err != nil {
			n.progress.fail(err)
			return
		}
		n.progress.done(n.ui.t("In use now."))
	})
}
