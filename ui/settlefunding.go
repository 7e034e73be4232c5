package ui

import (
	"context"
	"encoding/json"
	"io"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
)

// fundingPage shows a funding that is signed and not sent, with the refunds of it: they are
// to be kept elsewhere before the money leaves.
type fundingPage struct {
	screen   *settleScreen
	content  *fyne.Container
	says     *widget.Label
	keep     *button
	kept     *check
	send     *button
	after    *button
	returns  *button
	progress *progress
	funding  app.Funding
}

func newFundingPage(s *settleScreen) *fundingPage {
	u := s.ui
	p := &fundingPage{screen: s, says: body("")}
	p.progress = newProgress(u, nil)
	p.keep = newIconButton(u, u.t("Save the refunds"), base.DocumentSaveIcon(), p.save)
	p.kept = newCheck("", func(bool) { p.allow() })
	p.send = newIconButton(u, u.t("Send the money now"), base.MailSendIcon(), p.sendIt)
	p.send.Importance = widget.HighImportance
	p.returns = newIconButton(u, u.t("Not now"), base.NavigateBackIcon(), p.leave)
	p.after = newButton(u, u.t("Done"), p.leave)
	why := caption(u.t("A refund gives your money back when the other side fails you, even if this computer is lost. It pays nobody but you."))
	content, _ := scrolled(container.New(&column{gap: gap, most: pageMost}, container.NewHBox(p.returns), heading(u.t("Keep the refunds first")),
		newPanel(stack(gap/2, stack(-overlap, p.says, why), inset(container.NewHBox(p.keep)), wordyCheck(p.kept, u.t("The refunds are kept elsewhere, too")), inset(p.send))),
		p.progress.content, container.NewHBox(p.after)))
	p.content = content
	p.progress.onChange = func() { content.Refresh() }
	return p
}

// open shows a funding.
func (p *fundingPage) open(f app.Funding) {
	p.funding = f
	p.says.SetText(p.screen.ui.texts.Refunds(&f))
	p.kept.SetChecked(false)
	p.progress.clear()
	p.progress.stop = nil
	show(p.returns, true)
	show(p.keep, true)
	show(p.after, false)
	p.allow()
	p.content.Refresh()
}

// allow lets send what can be taken back.
func (p *fundingPage) allow() {
	if p.kept.Checked {
		p.send.Enable()
	} else {
		p.send.Disable()
	}
}

// save writes the refunds to a file.
func (p *fundingPage) save() {
	u, list := p.screen.ui, p.funding.Refunds
	u.saveFile("refunds.json", p.progress, u.t("Writing it\u2026"), func(_ context.Context, to io.Writer) error {
		text, err := json.MarshalIndent(list, "", "  ")
		if err == nil {
			_, err = to.Write(append(text, '\n'))
		}
		return err
	})
}

// sendIt lets the network know of it.
func (p *fundingPage) sendIt() {
	b, f := p.screen.settlement(), p.funding
	if p.send.Disabled() || b == nil {
		return
	}
	attempt(p.progress, p.screen.ui.t("Keeping it on disk, then telling the network\u2026"), func(ctx context.Context) (app.Sent, error) {
		return b.SendFunding(ctx, f.Purse, f.ID)
	}, func(app.Sent) {
		p.send.Disable()
		show(p.keep, false)
		show(p.returns, false)
		show(p.after, true)
		p.progress.done(p.screen.ui.t("On its way: kept on disk and told to the network until it is confirmed."))
	})
}

func (p *fundingPage) leave() {
	if p.progress.stop != nil {
		p.progress.cancel()
		return
	}
	p.screen.leave()
}

// textBlock shows a text that is to be given to somebody: as a code, to be copied, as a file.
type textBlock struct {
	screen  *settleScreen
	content *fyne.Container
	label   *widget.Label
	qr      *canvas.Image
	text    string
	file    string
}

// maxCodeText is the longest text that a camera still reads from a screen as one code, in bytes.
const maxCodeText = 1000

func newTextBlock(s *settleScreen) *textBlock {
	u := s.ui
	t := &textBlock{screen: s, label: value("", true), qr: newQR()}
	t.label.Wrapping = fyne.TextWrapBreak
	copyIt := newIconButton(u, u.t("Copy the text"), base.ContentCopyIcon(), func() { u.app.Clipboard().SetContent(t.text) })
	saveIt := newIconButton(u, u.t("Save as a file"), base.DocumentSaveIcon(), func() { s.saveText(t.file, t.text, s.progress) })
	t.content = stack(4, container.New(layout.NewCenterLayout(), t.qr), t.label, inset(newTiles(copyIt, saveIt)))
	return t
}

// set shows a text; the same one costs nothing.
func (t *textBlock) set(text, file string) {
	if t.file = file; t.text == text {
		return
	}
	t.text = text
	t.label.SetText(text)
	if len(text) > maxCodeText {
		text = ""
	}
	setQR(t.qr, text)
}
