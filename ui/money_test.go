package ui

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/ui/present"
)

// money is a Backend in memory. It is what the screens are shown, not a wallet: amounts are
// what the test says.
type money struct {
	app.Backend // what is not faked panics

	mu       sync.Mutex
	rows     int // of the history
	coins    int
	long     bool  // texts as long as they get
	err      error // of every question about money
	hold     chan struct{}
	slow     time.Duration // how long an answer takes
	wallets  []app.Wallet
	chains   []app.ChainState
	listed   func() // called once, when the chains have been listed; under mu
	events   chan app.Event
	warnings []app.Warning
	actions  []string

	asked     map[string]int // calls, by name
	sent      []app.SendRequest
	passwords []string // as they came
	frozen    []string
	tagged    []string
	labels    map[string]string
	discarded []string
	received  []app.ReceiveRequest
	restored  string
	config    Config
	ran       []string
	node      present.Node

	orphans     bool // refundable deposits were found from the words alone
	journeys    int  // deposits, withdrawals and swaps, of each so many
	deposits    []app.DepositRequest
	withdrawals []app.WithdrawalRequest
	offers      []app.SwapRequest
	drafts      int
	payments    []app.Payment
	splits      []app.SplitRequest
	combines    []app.CombineRequest
	alarms      []app.ChainAlarm
	attackers   []float64
}

var (
	unit  = app.Unit{Symbol: "TST", Decimals: 8}
	day   = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	trust = app.Trust{Tip: spv.Block{Height: 850_000}, TipTime: day, Scanned: spv.Block{Height: 850_000},
		Synced: true, Verified: true, Peers: 8, FilterSource: "filters that peers agree on"}
)

const secretWords = "abandon ability able about above absent absorb abstract absurd abuse access accident"

// newMoney is a wallet on an L1 and two of its layers.
func newMoney() *money {
	m := &money{rows: 6, coins: 5, events: make(chan app.Event), asked: map[string]int{}, labels: map[string]string{}}
	for i, name := range []string{"dev", "dev-native", "dev-issued"} {
		c := app.ChainState{Name: name, Title: []string{"Dev", "Dev native", "Dev issued"}[i], Parent: "dev",
			Kind: []string{"l1", "native", "issued"}[i], Network: "dev",
			Unit: unit, Stage: "following", Share: 1, Trust: trust, FilterPeers: 4, Looked: 120, FalseMatches: 3, Received: 12 << 20}
		if i == 2 {
			c.Unit.Symbol = "DVI"
		}
		m.chains = append(m.chains, c)
	}
	m.wallets = []app.Wallet{{Name: "main", Fingerprint: "73c5da0a", Birthday: day, Chains: []string{"dev",
		"dev-native", "dev-issued"}, Verified: true}}
	return m
}

func (m *money) text(short string) string {
	if m.long {
		return strings.Repeat(short+" ", 40)
	}
	return short
}

// call counts a call, and waits or fails as the test wants.
func (m *money) call(ctx context.Context, name string) error {
	m.mu.Lock()
	m.asked[name]++
	hold, slow, err := m.hold, m.slow, m.err
	m.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

// note keeps what a call said.
func (m *money) note(keep func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keep()
}

func (m *money) count(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[name]
}

// ui.Program

func (m *money) Folder() string { return "/somewhere/lamina" }
func (m *money) Config() Config { return m.config }
func (m *money) Open(_ context.Context, c Config) (app.Backend, error) {
	if m.err != nil && m.wallets == nil {
		return nil, m.err
	}
	m.config = c
	return m, nil
}

func (m *money) Node(ctx context.Context) (present.Node, error) {
	return m.node, m.call(ctx, "Node")
}

// app.Wallets and app.Keys

func (m *money) ListWallets(context.Context) ([]app.Wallet, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]app.Wallet{}, m.wallets...), nil
}

func (m *money) add(n app.NewWallet, watch bool) app.Wallet {
	w := app.Wallet{Name: n.Name, Chains: n.Chains, Birthday: n.Birthday, Fingerprint: "01020304", WatchOnly: watch, Verified: true}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wallets = append(m.wallets, w)
	m.passwords = append(m.passwords, string(n.Password))
	return w
}

func (m *money) CreateWallet(ctx context.Context, n app.NewWallet) (app.Created, error) {
	if err := m.call(ctx, "CreateWallet"); err != nil {
		return app.Created{}, err
	}
	return app.Created{Wallet: m.add(n, false), Backup: m.backup()}, nil
}

func (m *money) backup() app.Backup {
	return app.Backup{Words: app.Secret(secretWords), Birthday: day, Fingerprint: "01020304", Chains: []string{"dev"},
		Text: app.Secret(secretWords + "\nbirthday 2026-11-21\n")}
}

func (m *money) RestoreWallet(ctx context.Context, n app.NewWallet, words, passphrase app.Secret) (app.Wallet, error) {
	if err := m.call(ctx, "RestoreWallet"); err != nil {
		return app.Wallet{}, err
	}
	m.restored = string(words) + "|" + string(passphrase) + "|" + n.Birthday.Format("2006-01-02")
	return m.add(n, false), nil
}

func (m *money) WatchWallet(ctx context.Context, n app.NewWallet, keys []string) (app.Wallet, error) {
	if err := m.call(ctx, "WatchWallet"); err != nil {
		return app.Wallet{}, err
	}
	m.restored = strings.Join(keys, "|")
	return m.add(n, true), nil
}

func (m *money) CheckWords(_ context.Context, words app.Secret) (app.WordsCheck, error) {
	list := strings.Fields(string(words))
	c := app.WordsCheck{Count: len(list), Index: -1, OK: len(list) == 12, Problem: "want 12, 15, 18, 21 or 24"}
	for i, w := range list {
		if w == "abandom" {
			return app.WordsCheck{Count: len(list), Index: i, Problem: "it is in no list", Suggestions: []string{"abandon"}}, nil
		}
	}
	return c, nil
}

func (m *money) setUnlocked(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.wallets {
		m.wallets[i].Unlocked, m.wallets[i].Verified = on, true
	}
}

func (m *money) password(p app.Secret) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.passwords = append(m.passwords, string(p))
	if p != nil && string(p) != "right" {
		return app.Coded(app.CodePassword, "wallet main: wrong password")
	}
	if p == nil && !m.wallets[0].Unlocked {
		return app.Coded(app.CodeLocked, "wallet main: locked")
	}
	return nil
}

func (m *money) Unlock(_ context.Context, _ string, p app.Secret, _ time.Duration) (app.Wallet, error) {
	if err := m.password(p); err != nil {
		return app.Wallet{}, err
	}
	m.setUnlocked(true)
	return m.wallets[0], nil
}

func (m *money) Lock(ctx context.Context, _ string) error {
	m.setUnlocked(false)
	return m.call(ctx, "Lock")
}

func (m *money) ChangePassword(_ context.Context, _ string, p, next app.Secret) error {
	return errors.Join(m.password(p), nil)
}

func (m *money) Backup(_ context.Context, _ string, p app.Secret) (app.Backup, error) {
	return m.backup(), m.password(p)
}

func (m *money) CheckBackup(_ context.Context, _ string, words, _ app.Secret) (app.BackupCheck, error) {
	return app.BackupCheck{Words: string(words) == secretWords}, nil
}

func (m *money) SetGap(ctx context.Context, _ app.Purse, gap uint32) error {
	return m.call(ctx, fmt.Sprintf("SetGap %d", gap))
}

func (m *money) RestoreFile(ctx context.Context, name string) (app.Wallet, error) {
	m.mu.Lock()
	m.wallets[0].Trouble = ""
	m.mu.Unlock()
	return m.wallets[0], m.call(ctx, "RestoreFile "+name)
}

// app.Money

func (m *money) Balances(ctx context.Context, w string) (out []app.Balance, err error) {
	err = m.call(ctx, "Balances")
	for i, c := range m.chains {
		b := app.Balance{Purse: app.Purse{Wallet: w, Chain: c.Name},
			Confirmed: int64(m.coins) * 90_400_000 / int64(i+1), Unconfirmed: 1_000_000, Coins: m.coins, Unit: c.Unit, Trust: c.Trust}
		if m.long {
			b.Confirmed, b.Frozen, b.Immature, b.OwnUnconfirmed = 21e14, 21e14, 21e14, 21e14
			b.Trust.Verified = false
		}
		out = append(out, b)
	}
	return out, err
}

func idOf(i int) (h spv.Hash) {
	binary.BigEndian.PutUint32(h[:], uint32(i))
	h[31] = 0xEE
	return h
}

func (m *money) row(i int) app.Row {
	fee := int64(1410)
	r := app.Row{ID: idOf(i), Status: "confirmed", Block: &spv.Block{Height: int32(850_000 - i)}, Depth: int32(i + 1),
		Time:   day.Add(-time.Duration(i) * time.Hour),
		Amount: 1_200_000 + int64(i), Addresses: []string{"bcrt1q8ze8zdkmpd4u0w8a2rqsjh8mr9mkcwwxz4m2q7"}}
	if i%2 == 1 {
		r.Amount, r.Fee, r.Ours, r.Label = -30_000_000-int64(i), &fee, true, m.text("rent")
	}
	if i == 0 {
		r.Status, r.Block, r.Depth = "pending", nil, 0
	}
	if m.long {
		r.Amount *= 1_000_000_000
	}
	if label, ok := m.labels[r.ID.String()]; ok {
		r.Label = label
	}
	return r
}

func (m *money) takes(q app.HistoryQuery, r *app.Row) bool {
	return (q.Only == "" || q.Only == r.Status || q.Only == "in" && r.Amount > 0 || q.Only == "out" && r.Amount < 0) &&
		(q.Search == "" || strings.Contains(r.Label, q.Search))
}

func (m *money) History(ctx context.Context, _ app.Purse, q app.HistoryQuery) (app.History, error) {
	err := m.call(ctx, "History")
	h := app.History{Unit: unit, Trust: trust}
	if q.Only == "" && q.Search == "" {
		h.Total = m.rows
		for i := q.From; i < min(m.rows, q.From+q.Count); i++ {
			h.Rows = append(h.Rows, m.row(i))
		}
		return h, err
	}
	for i := range m.rows {
		if r := m.row(i); m.takes(q, &r) {
			if h.Total++; h.Total > q.From && len(h.Rows) < q.Count {
				h.Rows = append(h.Rows, r)
			}
		}
	}
	return h, err
}

func (m *money) ExportHistory(ctx context.Context, _ app.Purse, q app.HistoryQuery) ([]byte, error) {
	return []byte("time,amount\n"), m.call(ctx, "ExportHistory "+q.Only)
}

func (m *money) Transaction(ctx context.Context, _ app.Purse, id spv.Hash) (app.Transaction, error) {
	rate := int64(10_000)
	i := int(binary.BigEndian.Uint32(id[:]))
	t := app.Transaction{Row: m.row(i), VSize: 141, Rate: &rate, Unit: unit, Trust: trust, Actions: m.actions, Seen: 3}
	d := m.draft(31_234_567)
	t.Inputs, t.Outputs = d.Inputs, d.Outputs
	return t, m.call(ctx, "Transaction")
}

func (m *money) Receive(ctx context.Context, in app.Purse, r app.ReceiveRequest) (app.Address, error) {
	err := m.call(ctx, "Receive")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.received = append(m.received, r)
	a := app.Address{Purse: in, Address: "bcrt1q8ze8zdkmpd4u0w8a2rqsjh8mr9mkcwwxz4m2q7", Kind: "p2wpkh",
		Label: r.Label, Verified: m.wallets[0].Verified}
	a.URI = "dev:" + a.Address
	if r.Fresh {
		a.Index = 1
	}
	if r.Amount > 0 {
		a.URI += "?amount=0.5"
	}
	return a, err
}

func (m *money) LookUp(_ context.Context, _ app.Purse, address string) (app.AddressFacts, error) {
	return app.AddressFacts{Address: address, Kind: "p2wpkh", Paid: 2}, nil
}

// app.Coins

func (m *money) ListCoins(ctx context.Context, _ app.Purse, _ app.CoinFilter) (app.CoinList, error) {
	l := app.CoinList{Unit: unit, Trust: trust}
	for i := range m.coins {
		c := app.Coin{Outpoint: fmt.Sprintf("%s:%d", idOf(i), i), Value: 90_400_000 + int64(i),
			Address: "bcrt1q8ze8zdkmpd4u0w8a2rqsjh8mr9mkcwwxz4m2q7", State: "confirmed", Depth: int32(i + 1), Spendable: true}
		if i%3 == 1 {
			c.Label, c.Tags, c.Reused, c.Change = m.text("savings"), []string{"cold", "2024"}, true, true
		}
		l.Coins, l.Sum = append(l.Coins, c), l.Sum+c.Value
	}
	return l, m.call(ctx, "ListCoins")
}

func (m *money) Freeze(ctx context.Context, _ app.Purse, coins []string, on bool) error {
	m.note(func() { m.frozen = append(m.frozen, fmt.Sprint(on, len(coins))) })
	return m.call(ctx, "Freeze")
}

func (m *money) TagCoins(ctx context.Context, _ app.Purse, coins []string, tags []string) error {
	m.note(func() { m.tagged = append(m.tagged, fmt.Sprint(len(coins), tags)) })
	return m.call(ctx, "TagCoins")
}
