package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"fyne.io/fyne/v2"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// journeyCard shows one journey, and what can be done about it. Cards are reused.
type journeyCard struct {
	screen  *settleScreen
	panel   *panel
	title   *widget.Label
	trail   *trail
	state   *widget.Label
	next    *widget.Label
	actions *fyne.Container
	named   string // the actions that are there
	details *button
	rows    *rows

	text     *textBlock // offer or answer of a swap
	answer   *field     // the other side's answer
	password *passwordAsk
	asks     *fyne.Container // answer and password
	what     underway
}

func newJourneyCard(s *settleScreen) *journeyCard {
	u := s.ui
	c := &journeyCard{screen: s, title: strong(""), trail: newTrail(), state: body(""), next: caption(""), actions: newTiles(), rows: newRows()}
	c.text = newTextBlock(s)
	c.details = newIconButton(u, u.t("Details"), base.MenuDropDownIcon(), func() {
		show(c.rows.box, !c.rows.box.Visible())
		c.details.SetIcon(unfoldIcon(c.rows.box.Visible()))
		show(c.text.content, c.rows.box.Visible() && c.text.text != "")
		s.relayout()
	})
	c.details.Importance, c.details.Alignment = widget.LowImportance, widget.ButtonAlignLeading
	c.answer = newArea(u, u.t("the other side's answer"), 2, nil)
	c.answer.Wrapping = fyne.TextWrapBreak
	c.password = newPasswordAsk(u, func() {})
	c.asks = stack(4, inset(c.answer), c.password.content)
	c.panel = newPanel(stack(4, c.title, inset(c.trail), stack(-overlap, c.state, c.next), c.asks, inset(c.actions), inset(c.details),
		c.rows.box, c.text.content))
	show(c.rows.box, false)
	show(c.text.content, false)
	return c
}

// unfoldIcon is what a button shows that folds something out, or in.
func unfoldIcon(open bool) fyne.Resource {
	if open {
		return base.MenuDropUpIcon()
	}
	return base.MenuDropDownIcon()
}

// set shows a journey. What was typed or unfolded stays while it is the same one.
func (c *journeyCard) set(w underway) {
	same := c.what.Title == w.Title
	c.what = w
	c.title.SetText(w.Title)
	c.trail.set(w.Journey)
	c.state.SetText(w.State)
	setText(c.next, w.Next)
	open := same && c.rows.box.Visible()
	c.rows.set(w.Rows)
	show(c.rows.box, open)
	c.details.SetIcon(unfoldIcon(open))
	c.setSwap(w.swap, same, open)
	if w.deposit != nil && orphaned(w.deposit) {
		show(c.password.content, true)
		show(c.asks, true)
	}
	c.setActions()
}

// setSwap shows what a swap wants: the answer, the password, or the text for the other side.
func (c *journeyCard) setSwap(s *app.Swap, same, open bool) {
	answering := s != nil && s.Phase == "offered" && s.Answer == ""
	moving := s != nil && s.Keys && (s.Move == "redeem" || s.Move == "refund")
	show(c.answer, answering)
	show(c.password.content, answering || moving)
	show(c.asks, answering || moving)
	if !same {
		c.answer.SetText("")
		c.password.refresh()
	}
	switch {
	case s == nil:
		c.text.set("", "")
	case s.Answer != "" && s.Role == "responder":
		c.text.set(s.Answer, fmt.Sprintf("swap-%d-answer.txt", s.Number))
	default:
		c.text.set(s.Offer, fmt.Sprintf("swap-%d-offer.txt", s.Number))
	}
	show(c.text.content, open && c.text.text != "")
}

// deed is something that can be done about a journey.
type deed struct {
	name string
	act  func()
}

func (c *journeyCard) setActions() {
	deeds := c.deeds()
	var names []string
	for _, d := range deeds {
		names = append(names, d.name)
	}
	if named := strings.Join(names, "\n"); named != c.named {
		c.named = named
		c.actions.Objects = nil
		for i, name := range names {
			c.actions.Objects = append(c.actions.Objects, newButton(c.screen.ui, name, func() { c.do(i) }))
		}
	}
	show(c.actions, len(deeds) > 0)
}

// do does the deed that is meant now: the journey may have gone on since the button was made.
func (c *journeyCard) do(i int) {
	if deeds := c.deeds(); i < len(deeds) {
		deeds[i].act()
	}
}

// deeds returns what can be done.
func (c *journeyCard) deeds() (out []deed) {
	u, s := c.screen.ui, c.screen
	if d := c.what.deposit; d != nil {
		if d.Ticket != "" && !c.what.Over {
			out = append(out, deed{u.t("Save the ticket"), func() { s.saveText("deposit-ticket.txt", d.Ticket, s.progress) }})
		}
		if orphaned(d) {
			out = append(out, deed{u.t("Sign its refund"), c.takeBack})
		}
		if len(d.Refunds) > 0 {
			out = append(out, deed{u.t("Save the refunds"), func() { s.saveRefunds(d.Refunds, s.progress) }})
		}
		return out
	}
	if w := c.what.withdrawal; w != nil {
		if w.Batch != nil && !w.Proved {
			out = append(out, deed{u.t("Compare the payout list"), func() { c.provePayout(w, *w.Batch) }})
		}
		return out
	}
	w := c.what.swap
	if w == nil {
		return nil
	}
	if w.Phase == "offered" && w.Answer == "" {
		out = append(out, deed{u.t("Take the answer"), c.accept})
	}
	if w.Move == "fund" && w.Signed == nil {
		out = append(out, deed{u.t("Fund your side"), c.fund})
	}
	if w.Signed != nil {
		out = append(out, deed{u.t("Go on with what is signed"), func() { c.goOn(*w.Signed) }})
	}
	if w.Keys && (w.Move == "redeem" || w.Move == "refund") {
		name := u.t("Take what is yours")
		if w.Move == "refund" {
			name = u.t("Take your money back")
		}
		out = append(out, deed{name, c.move})
	}
	if w.Phase == "offered" || w.Phase == "agreed" && w.Signed == nil {
		out = append(out, deed{u.t("Cancel the swap"), c.cancel})
	}
	if len(w.Refunds) > 0 {
		out = append(out, deed{u.t("Save the refunds"), func() { s.saveRefunds(w.Refunds, s.progress) }})
	}
	return out
}

// swapDone shows where a swap stands after something was done about it.
func (c *journeyCard) swapDone(app.Swap) {
	c.answer.SetText("")
	c.password.refresh()
	c.screen.ask()
}

// accept takes the other side's answer to an offer of ours.
func (c *journeyCard) accept() {
	s, w, answer := c.screen, c.what.swap, strings.TrimSpace(c.answer.Text)
	if answer == "" {
		s.progress.warn(s.ui.t("Paste the other side's answer first."), "")
		return
	}
	b, back, unlock := s.settlement(), s.ui.session.backend, c.password.take(w.Wallet)
	attempt(s.progress, s.ui.t("Checking the answer\u2026"), func(ctx context.Context) (app.Swap, error) {
		defer unlock.wipe()
		password, err := unlock.open(ctx, back)
		if err != nil {
			return app.Swap{}, err
		}
		return b.AcceptSwap(ctx, w.Wallet, w.Number, answer, password)
	}, c.swapDone)
}

// move redeems or refunds now.
func (c *journeyCard) move() {
	s, w := c.screen, c.what.swap
	b, back, unlock := s.settlement(), s.ui.session.backend, c.password.take(w.Wallet)
	attempt(s.progress, s.ui.t("Signing, keeping it on disk, then telling the network\u2026"), func(ctx context.Context) (app.Swap, error) {
		defer unlock.wipe()
		password, err := unlock.open(ctx, back)
		if err != nil {
			return app.Swap{}, err
		}
		return b.MoveSwap(ctx, w.Wallet, w.Number, password)
	}, c.swapDone)
}

func (c *journeyCard) cancel() {
	s, w := c.screen, c.what.swap
	b := s.settlement()
	attempt(s.progress, s.ui.t("Giving it up\u2026"), func(ctx context.Context) (app.Swap, error) {
		return b.CancelSwap(ctx, w.Wallet, w.Number)
	}, c.swapDone)
}

// fund plans our leg and shows it.
func (c *journeyCard) fund() {
	s, w := c.screen, c.what.swap
	b := s.settlement()
	attempt(s.progress, s.ui.t("Working it out\u2026"), func(ctx context.Context) (app.SettleDraft, error) {
		return b.DraftSwap(ctx, w.Wallet, w.Number, 0)
	}, func(d app.SettleDraft) {
		s.swap.arrives = s.unitOf(w.Get.Chain)
		s.agree(d, s.home)
	})
}

// goOn shows a funding that was signed before the program ended.
func (c *journeyCard) goOn(id spv.Hash) {
	w := c.what.swap
	c.screen.open(c.screen.funding.content)
	c.screen.funding.open(app.Funding{Purse: app.Purse{Wallet: w.Wallet, Chain: w.Give.Chain}, ID: id, Refunds: w.Refunds})
}

// maxPayouts is the most of a payout list's file that is read, in bytes.
const maxPayouts = 8 << 20

// provePayout compares a batch's payout list, from a file, with the batch.
func (c *journeyCard) provePayout(w *app.Withdrawal, batch spv.Hash) {
	s := c.screen
	b := s.settlement()
	s.ui.openFile(func(r fyne.URIReadCloser) {
		attempt(s.progress, s.ui.t("Comparing\u2026"), does(func(ctx context.Context) error {
			defer r.Close()
			src, err := io.ReadAll(io.LimitReader(r, maxPayouts+1))
			if err == nil && len(src) > maxPayouts {
				err = fmt.Errorf("%s: more than %d bytes", r.URI().Name(), maxPayouts)
			}
			if err != nil {
				return err
			}
			var list []app.Payout
			if err := json.Unmarshal(src, &list); err != nil {
				return fmt.Errorf("%s: want a payout list as JSON: %w", r.URI().Name(), err)
			}
			return b.ProvePayout(ctx, app.PayoutProof{Wallet: w.Wallet, Layer: w.Layer, Burn: w.Burn, Batch: batch, List: list})
		}), func(nothing) {
			s.progress.done(s.ui.t("The batch's payout list pays this withdrawal."))
			s.ask()
		})
	})
}

// saveRefunds writes signed refunds to a file: one of them is all that it takes to get the
// money back.
func (s *settleScreen) saveRefunds(list []app.Refund, p *progress) {
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		p.fail(err)
		return
	}
	s.saveText("refunds.json", string(text), p)
}
