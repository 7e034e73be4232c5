package ui

import (
	"context"
	"image/color"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/ui/present"
	"github.com/layeredpow/lamina/ui/theme"
)

// review shows a draft as a picture, asks for consent and, last, for the password.
type review struct {
	ui      *UI
	content *fyne.Container
	scroll  *container.Scroll

	title    *widget.Label
	picture  *picture
	rows     *rows
	warnings *fyne.Container
	checks   []*check
	quietly  *discretion
	password *passwordAsk
	send     *button
	returns  *button
	card     *panel
	progress *progress
	after    *button

	notes  *widget.Label // said before the password
	draft  app.Draft
	onBack func()
	onSent func(app.Sent)
	sign   func(context.Context, app.SendRequest) (app.Funding, error) // instead of sending; nil: it is sent
	signed func(app.Funding)
}

func newReview(u *UI) *review {
	r := &review{ui: u, title: heading(""), rows: newRows(), warnings: container.New(&column{gap: 4}), notes: body("")}
	r.picture = newPicture(func() color.Color { return u.layerColour(r.draft.Chain) })
	r.password = newPasswordAsk(u, func() { r.start() })
	r.send = newIconButton(u, "", base.MailSendIcon(), r.start)
	r.send.Importance = widget.HighImportance
	r.returns = newIconButton(u, u.t("Change it"), base.NavigateBackIcon(), r.leave)
	r.after = newButton(u, u.t("Done"), r.leave)
	r.progress = newProgress(u, nil)
	r.quietly = newDiscretion(u, func() { r.relayout() })
	r.card = newPanel(stack(gap, inset(r.picture), r.rows.box, r.notes, r.warnings, r.quietly.content, r.password.content, inset(r.send)))
	page, scroll := scrolled(container.New(&column{gap: gap, most: pageMost}, container.NewHBox(r.returns),
		r.title, r.card,
		r.progress.content, container.NewHBox(r.after)))
	r.content, r.scroll = page, scroll
	r.progress.onChange = func() { r.relayout() }
	return r
}

// relayout lays the page out again, as what is in it changed its height.
func (r *review) relayout() { r.content.Refresh() }

// open shows a draft. onBack ends the page; onSent is called when it was sent, before that.
func (r *review) open(d app.Draft, onBack func(), onSent func(app.Sent)) {
	r.draft, r.onBack, r.onSent, r.sign, r.signed = d, onBack, onSent, nil, nil
	setText(r.notes, "")
	r.picture.set(r.ui.texts.Flow(&d))
	r.rows.set(r.ui.texts.Review(&d))
	r.send.SetText(r.ui.texts.SendWord(&d))
	r.checks, r.warnings.Objects = nil, nil
	for _, w := range d.Warnings {
		check := newCheck("", func(bool) { r.allow() })
		r.checks = append(r.checks, check)
		text := body(r.ui.texts.Concern(&w))
		why := caption(r.ui.texts.Warning(&w))
		r.warnings.Objects = append(r.warnings.Objects, container.New(&iconLeft{size: 28}, check, stack(-overlap, text, why)))
	}
	show(r.warnings, len(r.checks) > 0)
	r.quietly.clear()
	show(r.quietly.content, true)
	r.password.refresh()
	r.progress.clear()
	r.title.SetText(r.ui.t("Look at it before it goes"))
	show(r.card, true)
	show(r.returns, true)
	show(r.after, false)
	if r.watching() {
		r.title.SetText(r.ui.t("Look at it before it is signed"))
		setText(r.notes, r.ui.t("This wallet only watches: its keys are elsewhere. You get the payment as a PSBT, have it signed there, and it is sent from here."))
		r.send.SetText(r.ui.t("Get it as a PSBT"))
		show(r.quietly.content, false)
	}
	show(r.password.content, !r.watching())
	r.allow()
	r.scroll.ScrollToTop()
	r.relayout()
}

// watching says whether the keys are elsewhere.
func (r *review) watching() bool {
	w := r.ui.session.wallet()
	return w != nil && w.WatchOnly
}

// handOver makes a PSBT of the draft, which others sign.
func (r *review) handOver() {
	type packet struct {
		text string
		id   spv.Hash
	}
	b, d := r.ui.session.backend, r.draft
	attempt(r.progress, r.ui.t("Working it out\u2026"), func(ctx context.Context) (packet, error) {
		text, err := b.DraftPacket(ctx, d.ID)
		if err != nil {
			return packet{}, err
		}
		shown, err := b.ShowPacket(ctx, d.Purse, text)
		return packet{text, shown.ID}, err
	}, func(p packet) {
		if r.onSent != nil {
			r.onSent(app.Sent{})
		}
		r.onBack()
		r.ui.frame.open(sendAt)
		r.ui.send.openPacket(d.Purse, p.text, &p.id)
	})
}

// settle says, after open, what a settlement's draft brings about and whom it relies on.
func (r *review) settle(rows []present.Row, notes, word string) {
	r.rows.set(rows)
	setText(r.notes, notes)
	r.send.SetText(word)
	show(r.quietly.content, false) // settlers and peers of both chains are to hear of it
	r.relayout()
}

// signs has the draft signed, after open, instead of sent; done gets what was signed.
func (r *review) signs(sign func(context.Context, app.SendRequest) (app.Funding, error), done func(app.Funding)) {
	r.sign, r.signed = sign, done
}

// allow lets send what nothing stands against.
func (r *review) allow() {
	for _, c := range r.checks {
		if !c.Checked {
			r.send.Disable()
			return
		}
	}
	r.send.Enable()
}

func (r *review) start() {
	if r.send.Disabled() || r.progress.stop != nil {
		return
	}
	if r.watching() {
		r.handOver()
		return
	}
	b, d := r.ui.session.backend, r.draft
	// The draft's id is random, so it names this payment and no other: pressing twice sends once.
	request := app.SendRequest{Draft: d.ID, Key: "desktop " + d.ID, Private: r.quietly.on.Checked}
	for _, w := range d.Warnings {
		request.Consent = append(request.Consent, w.Concern)
	}
	unlock := r.password.take(d.Wallet)
	if r.sign != nil {
		sign := r.sign
		attempt(r.progress, r.ui.t("Signing, and keeping it on disk\u2026"), func(ctx context.Context) (app.Funding, error) {
			defer unlock.wipe()
			password, err := unlock.open(ctx, b)
			if err != nil {
				return app.Funding{}, err
			}
			request.Password = password
			return sign(ctx, request)
		}, r.signed)
		return
	}
	attempt(r.progress, r.ui.t("Signing, keeping it on disk, then telling the network\u2026"),
		func(ctx context.Context) (app.Sent, error) {
			defer unlock.wipe()
			password, err := unlock.open(ctx, b)
			if err != nil {
				return app.Sent{}, err
			}
			request.Password = password
			return b.Send(ctx, request)
		}, func(s app.Sent) { r.sent(s, request.Private) })
}

func (r *review) sent(s app.Sent, quietly bool) {
	r.title.SetText(r.ui.t("Sent"))
	show(r.card, false)
	show(r.returns, false)
	show(r.after, true)
	if quietly {
		r.progress.done(r.ui.t("On its way: kept on disk, and told to one stranger at a time until it is confirmed."))
	} else {
		r.progress.done(r.ui.t("On its way: kept on disk and told to the network until it is confirmed."))
	}
	if r.onSent != nil {
		r.onSent(s)
	}
	r.ui.window.Canvas().Focus(r.after)
	r.ui.reload(nil)
}

// leave goes back to where the draft came from.
func (r *review) leave() {
	if r.progress.stop != nil {
		r.progress.cancel()
		return
	}
	r.password.clear()
	if r.onBack != nil {
		r.onBack()
	}
}

// layerColour returns the colour of a chain's layer.
func (u *UI) layerColour(chain string) color.Color {
	for _, row := range u.layers.rows {
		if row.stratum.Name == chain {
			return theme.Layer(row.stratum.Depth, row.stratum.Index, row.stratum.Count, variant())
		}
	}
	return themed(theme.ColorMuted)
}

// passwordAsk asks for the password of the purse's wallet where it is locked.
type passwordAsk struct {
	ui      *UI
	content *fyne.Container
	entry   *field
	note    *widget.Label
}

func newPasswordAsk(u *UI, onEnter func()) *passwordAsk {
	p := &passwordAsk{ui: u, entry: newPassword(u, u.t("Password of the wallet")), note: caption("")}
	p.entry.OnSubmitted = func(string) { onEnter() }
	p.content = stack(-overlap/2, inset(p.entry), p.note)
	return p
}

// refresh asks only where it is needed.
func (p *passwordAsk) refresh() {
	p.clear()
	w := p.ui.session.wallet()
	show(p.entry, w == nil || !w.Unlocked)
	switch minutes := p.ui.unlockMinutes(); {
	case w != nil && w.Unlocked:
		p.note.SetText(p.ui.t("The wallet is unlocked."))
	case minutes > 0:
		p.note.SetText(p.ui.t("The wallet stays unlocked until it was idle for {{.N}} minutes. Settings change that.",
			map[string]any{"N": minutes}))
	default:
		p.note.SetText(p.ui.t("The password is asked for every time. Settings change that."))
	}
}

func (p *passwordAsk) clear() { p.entry.SetText("") }

// take empties the field into a key that opens a wallet.
func (p *passwordAsk) take(wallet string) *unlocking {
	k := &unlocking{wallet: wallet, idle: time.Duration(p.ui.unlockMinutes()) * time.Minute, free: p.ui.free}
	if p.entry.Visible() {
		k.password = p.entry.take()
	}
	return k
}

// unlocking is a password on its way.
type unlocking struct {
	wallet   string
	password app.Secret // nil: the wallet is unlocked already
	idle     time.Duration
	free     func() // UI.free
}

// open unlocks the wallet for a time, or returns the password to be used this once.
func (k *unlocking) open(ctx context.Context, b app.Backend) (app.Secret, error) {
	if k.password == nil || k.idle == 0 {
		return k.password, nil
	}
	_, err := b.Unlock(ctx, k.wallet, k.password, k.idle)
	return nil, err
}

// wipe ends it. Stretching a password takes hundreds of MiB, which are given back at once.
func (k *unlocking) wipe() {
	k.password.Wipe()
	k.free()
}

// unlockMinutes is how long a wallet stays unlocked while it is idle; 0: not at all.
func (u *UI) unlockMinutes() int { return u.app.Preferences().Int(unlockKey) }
