package ui

import (
	"context"
	"encoding/base64"
	"errors"
	"io"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/ui/present"
)

// packetPage is the way of a payment whose keys are elsewhere: it leaves as a PSBT, comes back signed, and is sent from here. What
// comes back may be what was given away, or of another day.
type packetPage struct {
	ui      *UI
	content *fyne.Container

	away     *panel // what is to be signed
	back     *panel // what came back
	entry    *hexEntry
	says     *widget.Label
	rows     *rows
	send     *button
	returns  *button
	progress *progress
	onBack   func()

	purse  app.Purse
	text   string    // given away, with the signatures that came back; empty: nothing was
	given  *spv.Hash // what was given away; nil: nothing was
	whole  string    // can be sent; empty: nothing
	asking func()
}

// mostPacket is how much of a file is read, in bytes: more than the largest PSBT in base64, so that a larger one is refused by its size.
const mostPacket = 24 << 20

func newPacketPage(u *UI, onBack func()) *packetPage {
	p := &packetPage{ui: u, onBack: onBack, says: body(""), rows: newRows()}
	p.progress = newProgress(u, func() { p.content.Refresh() })
	p.returns = newIconButton(u, u.t("Back"), base.NavigateBackIcon(), p.leave)
	copyIt := newIconButton(u, u.t("Copy the text"), base.ContentCopyIcon(), func() { u.app.Clipboard().SetContent(p.text) })
	saveIt := newIconButton(u, u.t("Save as a file"), base.DocumentSaveIcon(), p.save)
	p.away = newPanel(stack(4, strong(u.t("Have it signed")),
		body(u.t("The payment is a PSBT now: a file, or its text, for the device or the program that has the keys. Nothing is sent yet.")),
		inset(newTiles(copyIt, saveIt))))
	p.entry = newHexEntry(u, p.read)
	p.entry.PlaceHolder, p.entry.OnChanged = u.t("the signed PSBT"), p.read
	p.entry.SetMinRowsVisible(3)
	p.send = newIconButton(u, u.t("Send it now"), base.MailSendIcon(), p.sendIt)
	p.send.Importance = widget.HighImportance
	open := newIconButton(u, u.t("Open a file"), base.FolderOpenIcon(), p.chooseFile)
	p.back = newPanel(stack(4, strong(u.t("Bring it back signed")), inset(p.entry), inset(newTiles(open)), p.says, p.rows.box, inset(p.send)))
	p.content, _ = scrolled(container.New(&column{gap: gap, most: pageMost}, container.NewHBox(p.returns),
		heading(u.t("Signed elsewhere")), p.away, p.back, p.progress.content))
	return p
}

// open begins with a PSBT that is to be signed, or, if it is empty, with what comes back.
func (p *packetPage) open(in app.Purse, text string, id *spv.Hash) {
	p.purse, p.text, p.given = in, text, id
	show(p.away, text != "")
	show(p.back, true)
	p.progress.clear()
	p.entry.SetText("")
	p.clear()
}

func (p *packetPage) clear() {
	p.whole = ""
	setText(p.says, "")
	p.rows.set(nil)
	p.send.Disable()
	p.content.Refresh()
}

func (p *packetPage) leave() {
	if p.progress.stop != nil {
		p.progress.cancel()
		return
	}
	p.onBack()
}

// save writes the PSBT to a file, as other programs want it: its bytes.
func (p *packetPage) save() {
	text := p.text
	p.ui.saveFile("payment.psbt", p.progress, p.ui.t("Writing it\u2026"), func(_ context.Context, to io.Writer) error {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err == nil {
			_, err = to.Write(raw)
		}
		return err
	})
}

func (p *packetPage) chooseFile() {
	p.ui.openFile(func(r fyne.URIReadCloser) {
		attempt(p.progress, p.ui.t("Reading it\u2026"), func(context.Context) (string, error) {
			defer r.Close()
			raw, err := io.ReadAll(io.LimitReader(r, mostPacket))
			return string(raw), err
		}, p.read)
	})
}

// read says what a PSBT that came back does, with the signatures that came before it.
func (p *packetPage) read(text string) {
	if p.asking != nil {
		p.asking()
	}
	p.clear()
	b, in, before := p.ui.session.backend, p.purse, p.text
	if text == "" || b == nil {
		return
	}
	p.asking = later(p.ui, func(ctx context.Context) (app.Packet, error) {
		packet, err := b.ShowPacket(ctx, in, text)
		if err != nil || before == "" || p.given == nil {
			return packet, err
		}
		if packet.ID != *p.given {
			return packet, errors.New(p.ui.t("This is another payment than the one that was to be signed."))
		}
		all, err := b.CombinePackets(ctx, []string{before, packet.Text})
		if err != nil {
			return packet, err
		}
		return b.ShowPacket(ctx, in, all)
	}, func(packet app.Packet, err error) {
		if err != nil {
			setText(p.says, p.ui.texts.Problem(err).What)
			p.content.Refresh()
			return
		}
		p.show(&packet)
	})
}

func (p *packetPage) show(packet *app.Packet) {
	u := p.ui
	p.rows.set(u.packetRows(packet))
	if packet.Complete {
		p.whole = packet.Text
		setText(p.says, u.t("It is signed. Compare what it pays before it goes."))
		p.send.Enable()
	} else {
		setText(p.says, u.t("Signatures are missing. Have it signed where the keys are, and bring it back."))
	}
	if p.text != "" {
		p.text = packet.Text // others add theirs to these
	}
	p.content.Refresh()
}

// packetRows says what a PSBT pays to others, and its fee.
func (u *UI) packetRows(packet *app.Packet) (rows []present.Row) {
	unit := u.session.unit()
	for _, out := range packet.Outputs {
		if out.Ours || out.Change || out.Value == nil {
			continue
		}
		rows = append(rows, present.Row{Label: u.t("Amount"), Value: u.texts.Amount(*out.Value, unit)})
		if out.Address != "" {
			rows = append(rows, present.Row{Label: u.t("To"), Value: present.Fours(out.Address), Mono: true})
		}
	}
	fee := u.t("not known yet")
	if packet.Fee != nil {
		fee = u.texts.Amount(*packet.Fee, unit)
	}
	return append(rows, present.Row{Label: u.t("Fee"), Value: fee})
}

// sendIt keeps the payment on disk and tells the network.
func (p *packetPage) sendIt() {
	b, in, whole := p.ui.session.backend, p.purse, p.whole
	if whole == "" || b == nil {
		return
	}
	attempt(p.progress, p.ui.t("Keeping it on disk, then telling the network\u2026"),
		func(ctx context.Context) (app.Sent, error) { return b.SendPacket(ctx, in, whole) }, func(app.Sent) {
			p.open(in, "", nil)
			show(p.back, false)
			p.progress.done(p.ui.t("On its way: kept on disk and told to the network until it is confirmed."))
			p.ui.reload(nil)
		})
}
