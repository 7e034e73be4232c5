package ui

import (
	"strconv"

	"fyne.io/fyne/v2"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/ui/present"
)

// verifyForm is what the user chooses and types.
type verifyForm struct {
	screen  *verifyScreen
	content *panel

	kinds, chains []present.Option
	kind, chain   *choice
	hint          *widget.Label

	entry  *hexEntry // the input, while it is short enough to be shown
	pasted fyne.CanvasObject
	held   []byte // the input otherwise
	notice *widget.Label
	holder fyne.CanvasObject

	height, txid, id, child, bits    *field
	work                             *choice
	more                             *button
	txidBox, idBox, childBox, optBox fyne.CanvasObject
}

func newVerifyForm(s *verifyScreen) *verifyForm {
	f := &verifyForm{screen: s}
	u := s.ui
	f.kinds = u.texts.Kinds()
	f.kind = newChoice(optionTexts(f.kinds), nil)
	f.kind.SetSelectedIndex(0)
	f.kind.OnChanged = func(string) { f.kindChanged() }
	f.chain = newChoice(nil, func(string) { f.chainChanged() })
	f.chain.PlaceHolder = u.t("Choose a chain")
	f.hint = caption("")
	f.newInput()
	f.height = newField(u, u.t("if known"), nil)
	f.txid = newField(u, u.t("any"), nil)
	f.id = newField(u, "0 \u2013 65535", nil)
	f.child, f.bits = newField(u, u.t("64 hex digits"), nil), newField(u, u.t("8 hex digits"), nil)
	f.work = newChoice([]string{pow.SHA256d.String(), pow.Scrypt.String()}, nil)
	f.work.PlaceHolder = u.t("Choose a work hash")
	f.idBox = stack(0, asked(u.t("Merged-mining id"), f.id), asked(u.t("Work hash"), f.work))
	f.txidBox = asked(u.t("Transaction id"), f.txid)
	f.childBox = stack(0, asked(u.t("Block id, for a proof without its header"), f.child),
		asked(u.t("Bits, for a proof without its header"), f.bits))
	f.content = newPanel(stack(0,
		asked(u.t("What is it?"), f.kind), f.hint,
		asked(u.t("Which chain's rules?"), f.chain), f.idBox,
		f.pasted, f.holder,
		f.newOptional()))
	return f
}

// newOptional builds the fields that few inputs need, folded away at first.
func (f *verifyForm) newOptional() fyne.CanvasObject {
	u := f.screen.ui
	f.optBox = stack(0, asked(u.t("Height"), f.height), f.txidBox, f.childBox)
	f.more = newIconButton(u, u.t("More that is known"), base.MenuDropDownIcon(), func() { f.unfold(!f.optBox.Visible()) })
	f.more.Importance, f.more.Alignment = widget.LowImportance, widget.ButtonAlignLeading
	f.optBox.Hide()
	return stack(0, f.more, f.optBox)
}

func (f *verifyForm) unfold(open bool) {
	show(f.optBox, open)
	f.more.SetIcon(unfoldIcon(open))
	f.screen.relayout()
}

// newInput builds the two faces of the input.
func (f *verifyForm) newInput() {
	u := f.screen.ui
	f.entry = newHexEntry(u, func(text string) { f.screen.hold(u.t("Pasted"), []byte(text), nil) })
	f.entry.SetPlaceHolder(u.t("Paste hex here"))
	open := func() *button {
		return newIconButton(u, u.t("Open a file"), base.FolderOpenIcon(), f.screen.chooseFile)
	}
	f.pasted = stack(4, asked(u.t("Input, or drop a file on the window"), f.entry), inset(open()))
	f.notice = strong("")
	f.holder = stack(0, stack(-2*overlap, caption(u.t("Input")), f.notice),
		inset(newIconButton(u, u.t("Remove"), base.ContentClearIcon(), f.release)))
	f.holder.Hide()
}

func optionTexts(options []present.Option) []string {
	var texts []string
	for _, o := range options {
		texts = append(texts, o.Text)
	}
	return texts
}

func (f *verifyForm) kindOf() app.Kind {
	return app.Kind(f.kinds[max(f.kind.SelectedIndex(), 0)].Value)
}

func (f *verifyForm) chainOf() string {
	if i := f.chain.SelectedIndex(); i >= 0 && i < len(f.chains) {
		return f.chains[i].Value
	}
	return ""
}

// kindChanged offers what fits the kind, and keeps the chain if it still does.
func (f *verifyForm) kindChanged() {
	kind, chosen := f.kindOf(), f.chainOf()
	f.chains = f.screen.ui.texts.Chains(kind, f.screen.ui.rules.Chains())
	f.chain.SetOptions(optionTexts(f.chains))
	f.chain.ClearSelected()
	f.choose(chosen)
	f.hint.SetText(f.screen.ui.texts.KindHint(kind))
	show(f.txidBox, kind == app.Merkle)
	show(f.childBox, kind == app.AuxPoW)
	f.screen.offerExample(kind)
	f.chainChanged()
}

func (f *verifyForm) choose(chain string) {
	for i, o := range f.chains {
		if o.Value == chain {
			f.chain.SetSelectedIndex(i)
		}
	}
}

func (f *verifyForm) chainChanged() {
	if f.idBox == nil {
		return // still being built
	}
	show(f.idBox, f.chainOf() == present.ByID)
	f.screen.relayout()
}

// fields returns what was chosen and typed.
func (f *verifyForm) fields() present.Fields {
	input := f.held
	if input == nil {
		input = []byte(f.entry.Text)
	}
	return present.Fields{
		Kind: f.kindOf(), Chain: f.chainOf(), Input: input, ChainID: f.id.Text, Work: f.work.Selected,
		Height: f.height.Text, TxID: f.txid.Text, ChildHash: f.child.Text, Bits: f.bits.Text,
	}
}

// fill shows an example.
func (f *verifyForm) fill(e app.Example) {
	r := e.Request
	f.choose(r.Chain)
	if r.Chain == "" {
		f.choose(map[app.Kind]string{app.AuxPoW: present.ByID, app.Merkle: present.NoChain}[r.Kind])
		f.id.SetText(strconv.Itoa(int(r.ChainID)))
		f.work.SetSelected(r.Work.String())
	}
	f.height.SetText("")
	if r.Height >= 0 {
		f.height.SetText(strconv.Itoa(int(r.Height)))
		f.unfold(true)
	}
	for _, e := range []*field{f.txid, f.child, f.bits} {
		e.SetText("")
	}
	f.hold(e.Title, r.Input)
}

// hold takes an input that is named instead of shown, because it may be binary, and long
// text makes an entry slow.
func (f *verifyForm) hold(name string, input []byte) {
	f.held = input
	f.notice.SetText(f.screen.ui.texts.Input(name, len(input)))
	show(f.pasted, false)
	show(f.holder, true)
}

// release goes back to the entry.
func (f *verifyForm) release() {
	f.held = nil
	show(f.pasted, true)
	show(f.holder, false)
	f.screen.relayout()
}
