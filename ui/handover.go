package ui

import (
	"context"
	"strings"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/ui/present"
	"github.com/layeredpow/lamina/wallet/uri"
)

// MaxRequest is the longest payment request that is taken from outside, in bytes.
const MaxRequest = 4096

// HandOver takes what another start of the program was given: the window comes to the
// front, and a payment request is filled in on Send. Nothing is paid by it.
func (u *UI) HandOver(request string) {
	u.window.RequestFocus()
	if request = strings.TrimSpace(request); request != "" && len(request) <= MaxRequest {
		u.wanted = request
		u.fillWanted()
	}
}

// fillWanted fills the request that came from outside in, as soon as there is a wallet.
func (u *UI) fillWanted() {
	w, b := u.session.wallet(), u.session.backend
	if u.wanted == "" || w == nil || b == nil || u.first.content.Visible() {
		return
	}
	request, in := u.wanted, u.session.purse
	u.wanted = ""
	var fits []string
	for _, chain := range w.Chains {
		if p, err := u.rules.Chain(chain); err == nil && takesScheme(p, request) {
			fits = append(fits, chain)
		}
	}
	run(u, func(ctx context.Context) (string, error) {
		for _, chain := range fits { // chains may share a scheme; then the address tells
			if _, err := b.ParseURI(ctx, chain, request); err == nil {
				return chain, nil
			}
		}
		return in.Chain, nil
	}, func(chain string, _ error) {
		u.take(app.Purse{Wallet: in.Wallet, Chain: chain})
		u.send.closeReview()
		u.frame.open(sendAt)
		u.send.clear()
		u.send.to.SetText(request)
	})
}

// takesScheme says whether a request begins with a chain's scheme.
func takesScheme(p *chains.Params, request string) bool {
	scheme, _, ok := strings.Cut(request, ":")
	return ok && strings.EqualFold(scheme, uri.Scheme(p))
}

// likeKnown returns an address of the history that another one could be mistaken for; empty:
// none. Whoever wants to be paid in another's place makes addresses whose ends are the same.
func likeKnown(ctx context.Context, b app.Backend, in app.Purse, address string) (string, error) {
	h, err := b.History(ctx, in, app.HistoryQuery{Count: likeKnownRows})
	if err != nil {
		return "", err
	}
	for i := range h.Rows {
		for _, known := range h.Rows[i].Addresses {
			if known == address {
				return "", nil
			}
		}
	}
	for i := range h.Rows {
		for _, known := range h.Rows[i].Addresses {
			if present.LookAlike(known, address) {
				return known, nil
			}
		}
	}
	return "", nil
}

// likeKnownRows is how many of the newest payments are compared.
const likeKnownRows = 200
