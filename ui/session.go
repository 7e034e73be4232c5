package ui

import (
	"context"
	"reflect"
	"slices"
	"time"

	"fyne.io/fyne/v2"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui/present"
)

// session is what is open: the data folder, its wallets and chains, and the purse that the
// screens show. The zero value is: nothing is.
type session struct {
	backend app.Backend // nil: not open
	wallets []app.Wallet
	chains  []app.ChainState
	alarms  []app.ChainAlarm // that are on
	purse   app.Purse        // empty: no wallet
	loaded  bool             // wallets and chains were asked for once
	trouble *present.Problem
	end     func() // ends the listening
	asking  inquiry
	told    change // that the next answer is to show
}

// change says what is to be asked anew.
type change uint8

// The changes.
const (
	syncChanged change = 1 << iota
	moneyChanged
	walletsChanged
	allChanged = syncChanged | moneyChanged | walletsChanged
)

// begin opens the data folder as it was last, or asks how to begin.
func (u *UI) begin() {
	c := u.program.Config()
	if c.Stack == "" {
		u.first.begin()
		return
	}
	u.open(c, func(err error) {
		if err == nil && len(u.session.wallets) == 0 {
			u.first.begin()
		}
	})
}

// open opens the data folder and asks what is there.
func (u *UI) open(c Config, done func(error)) (cancel func()) {
	u.leave()
	return run(u, func(ctx context.Context) (*session, error) {
		b, err := u.program.Open(ctx, c)
		if err != nil {
			return &session{}, err
		}
		s := &session{backend: b}
		return s, s.ask(ctx)
	}, func(s *session, err error) {
		if err != nil {
			problem := u.texts.Problem(err)
			s.trouble = &problem
		}
		u.session = *s
		u.choose()
		if s.backend != nil {
			u.listen()
			// What came between the answer and now was told to nobody, and a chain that stands still tells no more.
			u.session.told = syncChanged
			u.session.asking.renew(u.catchUp)
		}
		u.changed(allChanged)
		done(err)
	})
}

// leave ends the listening to what was open.
func (u *UI) leave() {
	if u.session.end != nil {
		u.session.end()
	}
	u.session.asking.drop()
	u.session = session{}
}

// ask asks for wallets, chains and alarms.
func (s *session) ask(ctx context.Context) (err error) {
	if s.wallets, err = s.backend.ListWallets(ctx); err != nil {
		return err
	}
	if s.chains, err = s.backend.ListChains(ctx); err != nil {
		return err
	}
	s.alarms, err = s.backend.Alarms(ctx)
	s.loaded = err == nil
	return err
}

// choose keeps the purse if it is still there, else takes the first.
func (u *UI) choose() {
	s := &u.session
	for _, w := range s.wallets {
		if w.Name != s.purse.Wallet || len(w.Chains) == 0 {
			continue
		}
		if !slices.Contains(w.Chains, s.purse.Chain) {
			s.purse.Chain = w.Chains[0]
		}
		return
	}
	s.purse = app.Purse{}
	for _, w := range s.wallets {
		if len(w.Chains) > 0 {
			s.purse = app.Purse{Wallet: w.Name, Chain: w.Chains[0]}
			return
		}
	}
}

// take shows another purse.
func (u *UI) take(p app.Purse) {
	if p == u.session.purse {
		return
	}
	u.session.purse = p
	u.choose()
	u.changed(moneyChanged | walletsChanged)
}

// wallet returns the wallet of the purse; nil if there is none.
func (s *session) wallet() *app.Wallet {
	for i := range s.wallets {
		if s.wallets[i].Name == s.purse.Wallet {
			return &s.wallets[i]
		}
	}
	return nil
}

// missing returns the chains that are followed and that the purse's wallet has no account on.
func (s *session) missing() (names []string) {
	w := s.wallet()
	if w == nil {
		return nil
	}
	for i := range s.chains {
		if !slices.Contains(w.Chains, s.chains[i].Name) {
			names = append(names, s.chains[i].Name)
		}
	}
	return names
}

// chain returns a chain that is followed; nil if it is not.
func (s *session) chain(name string) *app.ChainState {
	for i := range s.chains {
		if s.chains[i].Name == name {
			return &s.chains[i]
		}
	}
	return nil
}

// title returns how people call a chain.
func (s *session) title(name string) string {
	if c := s.chain(name); c != nil {
		return c.Title
	}
	return name
}

// unit returns the unit of the purse's chain.
func (s *session) unit() app.Unit {
	if c := s.chain(s.purse.Chain); c != nil {
		return c.Unit
	}
	return app.Unit{}
}

// listen tells the screens of what happens.
func (u *UI) listen() {
	ctx, end := context.WithCancel(u.ctx)
	u.session.end = end
	events, b, gather := u.session.backend.Subscribe(ctx), u.session.backend, u.gather
	u.work.Add(1)
	go func() {
		defer u.work.Done()
		var seen []app.Event
		var flush <-chan time.Time
		for {
			select {
			case e, open := <-events:
				if !open {
					if ctx.Err() == nil {
						u.do(func() { u.stopped(b) })
					}
					return
				}
				if len(seen) == 0 {
					flush = time.After(gather)
				}
				seen = append(seen, e)
			case <-flush:
				batch := seen
				seen, flush = nil, nil
				u.do(func() {
					if ctx.Err() == nil {
						u.happened(b, batch)
					}
				})
			}
		}
	}()
}

// stopped says that the backend ended of its own accord.
func (u *UI) stopped(b app.Backend) {
	if u.session.backend != b {
		return
	}
	u.session.trouble = &present.Problem{What: u.t("The chains are no longer followed."),
		Next: u.t("Your keys and your words are not affected. See whether the disk is full or read-only, then start the program again.")}
	u.changed(allChanged)
}

// happened takes in events, newest last.
func (u *UI) happened(b app.Backend, batch []app.Event) {
	var c change
	for _, e := range batch {
		if e.Missed {
			c |= allChanged
		}
		switch e.Kind {
		case app.EventSync:
			c |= syncChanged
		case app.EventAlarm:
			c |= syncChanged
			u.notifyAlarm(e.Alarm)
		case app.EventWallet:
			c |= walletsChanged
		case app.EventSeen, app.EventConfirmed, app.EventReorged, app.EventChanged, app.EventSettle:
			c |= moneyChanged
			u.notify(&e)
		}
	}
	if c&(syncChanged|walletsChanged) == 0 {
		u.changed(c)
		return
	}
	u.session.told |= c
	u.session.asking.renew(u.catchUp)
}

// catchUp asks for wallets, chains and alarms after news of them.
func (u *UI) catchUp() {
	b, c := u.session.backend, u.session.told
	if b == nil {
		return
	}
	u.session.told = 0
	next := session{backend: b}
	ask(u, &u.session.asking, func(ctx context.Context) (*session, error) { return &next, next.ask(ctx) }, func(s *session, err error) {
		if err != nil {
			return // the next event asks again
		}
		same := sameChains(u.session.chains, s.chains) && sameAlarms(u.session.alarms, s.alarms)
		u.session.wallets, u.session.chains, u.session.alarms, u.session.loaded = s.wallets, s.chains, s.alarms, true
		u.choose()
		if same {
			c &^= syncChanged // the loops report even when nothing moves
		}
		if c != 0 {
			u.changed(c)
		}
	})
}

// sameChains says whether two reports differ in nothing that is shown.
func sameChains(a, b []app.ChainState) bool {
	return slices.EqualFunc(a, b, func(x, y app.ChainState) bool {
		x.Trust.Age, y.Trust.Age = 0, 0 // grows by itself
		return reflect.DeepEqual(x, y)
	})
}

// notify tells the desktop of money that comes in.
func (u *UI) notify(e *app.Event) {
	if e.Row == nil || e.Row.Amount <= 0 || e.Row.Ours || e.Row.Coinbase || e.Kind == app.EventChanged {
		return
	}
	unit := app.Unit{}
	if c := u.session.chain(e.Purse.Chain); c != nil {
		unit = c.Unit
	}
	title, text := u.texts.Notice(e.Row, unit, u.session.title(e.Purse.Chain))
	u.app.SendNotification(fyne.NewNotification(title, text))
}

// changed lets the visible screen ask anew; the others do so when they are opened.
func (u *UI) changed(c change) {
	u.frame.setStatus()
	u.first.refresh()
	u.frame.screens[u.frame.at].refresh(c)
	u.fillWanted()
}

// reload asks for wallets and chains after an action that changed them.
func (u *UI) reload(then func()) {
	b := u.session.backend
	next := session{backend: b}
	run(u, func(ctx context.Context) (*session, error) { return &next, next.ask(ctx) }, func(s *session, err error) {
		if err == nil && u.session.backend == b {
			u.session.wallets, u.session.chains, u.session.alarms = s.wallets, s.chains, s.alarms
			u.choose()
		}
		u.changed(allChanged)
		if then != nil {
			then()
		}
	})
}

// lock locks every wallet at once.
func (u *UI) lock() {
	b := u.session.backend
	if b == nil {
		return
	}
	wallets := u.session.wallets
	run(u, does(func(ctx context.Context) error {
		for _, w := range wallets {
			if w.Unlocked {
				if err := b.Lock(ctx, w.Name); err != nil {
					return err
				}
			}
		}
		return nil
	}), func(_ nothing, err error) {
		if err != nil {
			fyne.LogError("lock", err)
		}
		u.reload(nil)
	})
}
