//go:build flows

package main

import (
	"strings"
)

// swap offers money of the L1 for money of a layer to somebody who has a program of his own, and has it.
func (u *hand) swap(b *hand) {
	u.t.Helper()
	b.create(false)
	b.shows("Dev is synced")
	to := b.address()
	u.click("Send")
	u.fill("To", to)
	u.fill("Amount", "3")
	u.click("Review the payment")
	u.shows("Look at it before it goes")
	u.agreed("Send", "50-paid-other")
	b.click("Settings")
	b.choose("After the password the wallet stays unlocked", "until idle for 15 minutes")
	u.click("Settle")
	u.click("Swap with somebody")
	u.choose("You give, on", "Dev native layer")
	u.fill("Amount", "0.4")
	u.choose("You get, on", "Dev")
	u.press("the second amount", func(s sight) *thing { return s.after("You get, on", "entry") })
	u.typed("0.4")
	u.shot("51-swap")
	u.click("Make the offer")
	u.shows("Give this offer to the other side")
	u.shot("52-offered")
	offer := u.long()
	b.click("Settle")
	b.click("Swap with somebody")
	b.pasted("an offer that you were given", offer)
	answer := b.taken()
	u.click("Back")
	u.pasted("the other side's answer", answer)
	u.shot("55-answer")
	u.click("Take the answer")
	u.fund("56-funding")
	b.fund("57-funding-other")
	u.shows("Redeemed: the money is yours.")
	u.shot("58-swapped")
	b.shows("Redeemed: the money is yours.")
	b.shot("59-swapped-other")
}

// taken takes the offer that was pasted, and returns the answer.
func (u *hand) taken() (answer string) {
	u.t.Helper()
	last := func(s sight) (found *thing) { // the first is for an offer of one's own
		for i, o := range s.Things {
			if o.Kind == "entry" && strings.HasSuffix(o.Text, "\nPassword of the wallet") {
				found = &s.Things[i]
			}
		}
		return found
	}
	if last(u.see()) != nil {
		u.enter(flowsPassword, last, func() { u.press("the password", last) })
	}
	u.until("the terms", func(s sight) bool { o := s.find("button", "Take the offer"); return o != nil && !o.Off })
	u.shot("53-terms")
	u.click("Take the offer")
	u.shows("Give this answer to the other side")
	u.shot("54-answered")
	answer = u.long()
	u.click("Back")
	return answer
}

// long returns the long text that is shown for the other side.
func (u *hand) long() (text string) {
	u.t.Helper()
	u.until("a text to be given away", func(s sight) bool {
		for _, o := range s.Things {
			if o.Kind == "label" && len(o.Text) > 100 && !strings.Contains(o.Text, " ") {
				text = o.Text
			}
		}
		return text != ""
	})
	return text
}

// pasted types a long text.
func (u *hand) pasted(placeholder, text string) {
	u.t.Helper()
	u.press(placeholder, func(s sight) *thing { return s.find("entry", placeholder) })
	u.typed(text)
}

// fund signs our side of a swap when it is our turn, keeps the refunds and sends it.
func (u *hand) fund(shot string) {
	u.t.Helper()
	u.shows("It is your turn")
	u.shot(shot + "-turn")
	u.click("Fund your side")
	u.shows("Look at it before it goes")
	u.shot(shot + "-review")
	if e := u.see().find("entry", "Password of the wallet"); e != nil {
		u.fill("Password of the wallet", flowsPassword)
	}
	u.click("Sign it, and its refund first")
	u.shows("Keep the refunds first")
	u.press("the check", func(s sight) *thing { return s.find("check", "") })
	u.shot(shot + "-refunds")
	u.click("Send the money now")
	u.shows("On its way")
	u.click("Done")
	u.click("Settle")
}
