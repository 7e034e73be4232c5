package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// teller is a Backend with one wallet and canned answers; it notes what it was asked to do. What it does not have panics.
type teller struct {
	strange  bool // nobody has given the wallet's password yet, not even once
	mu       sync.Mutex
	did      []string
	payments []app.Payment
	sends    []app.SendRequest
	password string
	warnings []app.Warning
	unlocked bool
	synced   bool
	err      error // of Draft
	tellerDeals
}

const (
	tellerPassword = "hush-password"
	tellerWords    = "hush abandon ability"
)

var (
	someTx   = spv.Hash{7}
	someTip  = spv.Block{Height: 150, Hash: spv.Hash{9}}
	devUnit  = app.Unit{Symbol: "DEV", Decimals: 8}
	allGood  = app.Trust{Tip: someTip, TipTime: time.Unix(1_800_000_000, 0).UTC(), Age: 30, Scanned: someTip, Synced: true, Verified: true, Peers: 3, FilterSource: "filters"}
	someAddr = "ldev1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqmreyrz"
)

func (b *teller) note(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.did = append(b.did, what)
}

func (b *teller) trust() app.Trust {
	t := allGood
	t.Synced, t.Verified = b.synced, b.synced
	return t
}

func (b *teller) wallet() app.Wallet {
	chains := []string{"dev"}
	if b.chains != nil {
		chains = b.chains
	}
	return app.Wallet{Name: "main", Fingerprint: "00112233", Chains: chains, Unlocked: b.unlocked, Verified: true}
}

func (b *teller) ListWallets(context.Context) ([]app.Wallet, error) {
	return []app.Wallet{b.wallet()}, nil
}

func (b *teller) ListChains(context.Context) ([]app.ChainState, error) {
	return []app.ChainState{{Name: "dev", Unit: devUnit, Stage: "following", Share: 1, Trust: b.trust()},
		{Name: "dev-native", Unit: devUnit, Stage: "following", Share: 1, Trust: b.trust()},
		{Name: "dev-issued", Unit: devUnit, Stage: "following", Share: 1, Trust: b.trust()}}, nil
}

func (b *teller) backup() app.Backup {
	return app.Backup{Words: app.Secret(tellerWords), Text: app.Secret("words: " + tellerWords)}
}

func (b *teller) CreateWallet(_ context.Context, n app.NewWallet) (app.Created, error) {
	b.password = string(n.Password)
	b.note("create " + n.Name + " " + strings.Join(n.Chains, " "))
	return app.Created{Wallet: b.wallet(), Backup: b.backup()}, nil
}

func (b *teller) RestoreWallet(_ context.Context, n app.NewWallet, words, _ app.Secret) (app.Wallet, error) {
	b.password = string(n.Password)
	if string(words) != tellerWords {
		return app.Wallet{}, app.Coded(app.CodeWords, "recovery words: the checksum is wrong")
	}
	return b.wallet(), nil
}

func (b *teller) WatchWallet(_ context.Context, n app.NewWallet, keys []string) (app.Wallet, error) {
	b.note("watch " + n.Name + " " + strings.Join(keys, ","))
	return b.wallet(), nil
}

func (b *teller) AddChains(context.Context, string, app.Secret, []string) (app.Wallet, error) {
	return b.wallet(), nil
}
func (b *teller) AddAccounts(_ context.Context, name string, _ app.Secret, count uint32) (app.Wallet, error) {
	b.note(fmt.Sprintf("accounts %s %d", name, count))
	return b.wallet(), nil
}
func (b *teller) Descriptors(context.Context, app.Purse) ([]string, error) {
	return []string{"wpkh(xpub)#check"}, nil
}
func (b *teller) SetGap(context.Context, app.Purse, uint32) error { return nil }
func (b *teller) Rescan(context.Context, app.Purse, int32) error  { return nil }

func (b *teller) check(password app.Secret) error {
	if !b.unlocked && string(password) != tellerPassword {
		return app.Coded(app.CodePassword, "wallet main: the password is wrong")
	}
	return nil
}

func (b *teller) Unlock(_ context.Context, _ string, password app.Secret, idle time.Duration) (app.Wallet, error) {
	if err := b.check(password); err != nil {
		return app.Wallet{}, err
	}
	b.unlocked = true
	b.note("unlock " + idle.String())
	return b.wallet(), nil
}

func (b *teller) Lock(context.Context, string) error {
	b.unlocked = false
	return nil
}

func (b *teller) ChangePassword(_ context.Context, _ string, password, next app.Secret) error {
	b.password = string(next)
	return b.check(password)
}

func (b *teller) Backup(_ context.Context, _ string, password app.Secret) (app.Backup, error) {
	if err := b.check(password); err != nil {
		return app.Backup{}, err
	}
	return b.backup(), nil
}

func (b *teller) CheckBackup(_ context.Context, _ string, words, _ app.Secret) (app.BackupCheck, error) {
	return app.BackupCheck{Words: string(words) == tellerWords}, nil
}

func (b *teller) RestoreFile(context.Context, string) (app.Wallet, error) { return b.wallet(), nil }

func (b *teller) CheckWords(_ context.Context, words app.Secret) (app.WordsCheck, error) {
	if strings.HasPrefix(string(words), "hush abandon abilty") {
		return app.WordsCheck{Problem: "word 3 is in no list", Index: 2, Suggestions: []string{"ability"}}, nil
	}
	return app.WordsCheck{OK: true, Index: -1}, nil
}

func (b *teller) Balance(_ context.Context, in app.Purse) (app.Balance, error) {
	return app.Balance{Purse: in, Confirmed: 150_000_000, Unconfirmed: 7, Spendable: 150_000_000, Coins: 2, Unit: devUnit, Trust: b.trust()}, nil
}

func (b *teller) Balances(ctx context.Context, wallet string) ([]app.Balance, error) {
	one, err := b.Balance(ctx, app.Purse{Wallet: wallet, Chain: "dev"})
	return []app.Balance{one}, err
}

func (b *teller) row() app.Row {
	fee := int64(500)
	return app.Row{ID: someTx, Status: "pending", Time: time.Unix(1_799_999_000, 0).UTC(), Amount: -3_000_500, Fee: &fee, Ours: true, Replaceable: true,
		Label: "rent\x1b[2J"}
}

func (b *teller) History(context.Context, app.Purse, app.HistoryQuery) (app.History, error) {
	return app.History{Rows: []app.Row{b.row()}, Total: 1, Unit: devUnit, Trust: b.trust()}, nil
}

func (b *teller) ExportHistory(context.Context, app.Purse, app.HistoryQuery) ([]byte, error) {
	return []byte("time,amount\n"), nil
}

func (b *teller) lines() (in, out []app.DraftLine) {
	a, c, d := int64(5_000_000), int64(3_000_000), int64(1_999_500)
	return []app.DraftLine{{Outpoint: someTx.String() + ":0", Value: &a, Ours: true, State: "confirmed"}},
		[]app.DraftLine{{Value: &c, Address: someAddr}, {Value: &d, Address: someAddr, Ours: true, Change: true}}
}

func (b *teller) Transaction(_ context.Context, _ app.Purse, id spv.Hash) (app.Transaction, error) {
	t := app.Transaction{Row: b.row(), VSize: 141, Seen: 2, Actions: []string{"bump", "cancel"}, Unit: devUnit, Trust: b.trust()}
	t.Inputs, t.Outputs = b.lines()
	if id != someTx {
		return t, app.Coded(app.CodeMissing, "transaction %s: not in the history", id)
	}
	return t, nil
}

func (b *teller) Accounts(context.Context, app.Purse) ([]app.Account, error) {
	return []app.Account{{Kind: "p2wpkh", Gap: 20, Path: "m/84'/1'/0'"}, {Number: 1, Kind: "p2wpkh", Gap: 20, Path: "m/84'/1'/1'"}}, nil
}

func (b *teller) Receive(_ context.Context, in app.Purse, r app.ReceiveRequest) (app.Address, error) {
	return app.Address{Purse: in, Address: someAddr, URI: "lamina-dev:" + someAddr, Kind: "p2wpkh", Label: r.Label, Verified: true}, nil
}

func (b *teller) Addresses(context.Context, app.Purse) ([]app.Address, error) { return nil, nil }
func (b *teller) LookUp(context.Context, app.Purse, string) (app.AddressFacts, error) {
	return app.AddressFacts{}, nil
}

func (b *teller) ListCoins(_ context.Context, _ app.Purse, f app.CoinFilter) (app.CoinList, error) {
	return app.CoinList{Coins: []app.Coin{{Outpoint: someTx.String() + ":0", Value: 5_000_000, Account: 3, State: "confirmed", Depth: 7, Frozen: true}},
		Sum: 5_000_000, Unit: devUnit, Trust: b.trust()}, nil
}

func (b *teller) Freeze(_ context.Context, _ app.Purse, outpoints []string, frozen bool) error {
	b.note(yesNo(frozen, "freeze ", "thaw ") + strings.Join(outpoints, " "))
	return nil
}
func (b *teller) TagCoins(_ context.Context, _ app.Purse, outpoints, tags []string) error {
	b.note("tag " + strings.Join(tags, " "))
	return nil
}
func (b *teller) TagAddress(context.Context, app.Purse, string, []string) error { return nil }
func (b *teller) NeverMerge(_ context.Context, _ app.Purse, x, y string, never bool) error {
	b.note("rule " + x + " " + y + " " + yesNo(never, "made", "lifted"))
	return nil
}
func (b *teller) Rules(context.Context, app.Purse) ([][2]string, error) {
	return [][2]string{{"shop", "*"}}, nil
}

func (b *teller) draft(in app.Purse) (app.Draft, error) {
	if b.err != nil {
		return app.Draft{}, b.err
	}
	d := app.Draft{Purse: in, ID: "d1", Paid: 3_000_000, Fee: 500, Rate: 3500, VSize: 141, Warnings: b.warnings, Unit: devUnit, Trust: b.trust()}
	d.Inputs, d.Outputs = b.lines()
	return d, nil
}

func (b *teller) Draft(_ context.Context, in app.Purse, p app.Payment) (app.Draft, error) {
	b.payments = append(b.payments, p)
	return b.draft(in)
}
func (b *teller) Bump(_ context.Context, in app.Purse, id spv.Hash, _ int64) (app.Draft, error) {
	b.note("bump " + id.String())
	return b.draft(in)
}
func (b *teller) Cancel(_ context.Context, in app.Purse, id spv.Hash, _ int64) (app.Draft, error) {
	b.note("cancel " + id.String())
	return b.draft(in)
}
func (b *teller) Raise(_ context.Context, in app.Purse, id spv.Hash, _ int64) (app.Draft, error) {
	b.note("raise " + id.String())
	return b.draft(in)
}
func (b *teller) Split(_ context.Context, in app.Purse, s app.SplitRequest) (app.Draft, error) {
	if s.Account != -1 {
		return app.Draft{}, errors.New("split: of another account than that with the money")
	}
	return b.draft(in)
}

func (b *teller) Sent(_ context.Context, in app.Purse, key string, of app.Asked) (*app.Sent, error) {
	if key != "repeated" {
		return nil, nil
	}
	b.note(fmt.Sprintf("sent %s %t", key, of.Payment != nil))
	return &app.Sent{Purse: in, ID: someTx, Fee: 500, Repeated: true, Trust: b.trust()}, nil
}
func (b *teller) Send(_ context.Context, r app.SendRequest) (app.Sent, error) {
	if err := b.check(r.Password); err != nil {
		return app.Sent{}, err
	}
	if len(b.warnings) > len(r.Consent) {
		return app.Sent{}, app.Coded(app.CodeConsent, "no consent")
	}
	b.sends = append(b.sends, r)
	return app.Sent{Purse: app.Purse{Wallet: "main", Chain: "dev"}, ID: someTx, Fee: 500, Trust: b.trust()}, nil
}

func (b *teller) Discard(_ context.Context, id string) error {
	b.note("discard " + id)
	return nil
}
func (b *teller) Abandon(_ context.Context, _ app.Purse, id spv.Hash) error {
	b.note("abandon " + id.String())
	return nil
}

func (b *teller) ParseURI(_ context.Context, _, text string) (app.PaymentRequest, error) {
	address, query, ok := strings.Cut(strings.TrimPrefix(text, "lamina-dev:"), "?amount=0.5")
	if ok && query == "" {
		n := int64(50_000_000)
		return app.PaymentRequest{Address: address, Amount: &n}, nil
	}
	return app.PaymentRequest{Address: text}, nil
}

func (b *teller) plan(in app.Purse) app.Plan {
	return app.Plan{Purse: in, ID: "PLAN", Rate: 1000, Future: 5000, Coins: 500, Steps: make([]app.PlanStep, 3), Cost: 900, Later: 4000, Rest: 100, Saving: 3000,
		State: app.PlanState{Steps: 3}, Unit: devUnit, Trust: b.trust()}
}
func (b *teller) PlanCombine(_ context.Context, in app.Purse, _ app.CombineRequest) (app.Plan, error) {
	return b.plan(in), nil
}
func (b *teller) RunPlan(_ context.Context, _ app.Purse, plan string, password app.Secret, _ []string) (app.PlanState, error) {
	b.note("run " + plan)
	return app.PlanState{Kept: true, Done: 2, Steps: 3, Waiting: true, Sent: []spv.Hash{someTx, someTx}}, b.check(password)
}
func (b *teller) ListPlans(_ context.Context, in app.Purse) ([]app.Plan, error) {
	return []app.Plan{b.plan(in)}, nil
}
func (b *teller) DropPlan(_ context.Context, _ app.Purse, plan string) error {
	b.note("drop " + plan)
	return nil
}

const somePacket = "cHNidP8BAA=="

func (b *teller) DraftPacket(context.Context, string) (string, error) { return somePacket, nil }
func (b *teller) ShowPacket(_ context.Context, _ app.Purse, text string) (app.Packet, error) {
	p := app.Packet{Text: text, ID: someTx, Signed: []int{1, -1}}
	p.Inputs, p.Outputs = b.lines()
	if text != somePacket {
		return p, errors.New("psbt: not base64")
	}
	return p, nil
}
func (b *teller) SignPacket(ctx context.Context, in app.Purse, text string, password app.Secret) (app.Packet, error) {
	if err := b.check(password); err != nil {
		return app.Packet{}, err
	}
	return b.ShowPacket(ctx, in, text)
}
func (b *teller) CombinePackets(_ context.Context, packets []string) (string, error) {
	b.note("join " + strings.Join(packets, " "))
	return somePacket, nil
}
func (b *teller) SendPacket(_ context.Context, in app.Purse, text string) (app.Sent, error) {
	b.note("send packet")
	return app.Sent{Purse: in, ID: someTx, Trust: b.trust()}, nil
}
func (b *teller) FinishPacket(context.Context, string) (string, error) { return "0102", nil }

func (b *teller) SetLabel(_ context.Context, _ app.Purse, kind, ref, text string) error {
	b.note("label " + kind + " " + ref + " " + text)
	return nil
}
func (b *teller) ExportLabels(_ context.Context, _ app.Purse, w io.Writer) error {
	_, err := io.WriteString(w, `{"type":"tx"}`+"\n")
	return err
}
func (b *teller) ImportLabels(_ context.Context, _ app.Purse, r io.Reader) (app.Imported, error) {
	raw, err := io.ReadAll(r)
	b.note("import " + string(raw))
	return app.Imported{Labels: 1, Skipped: []string{"line 2: evil \x1b]0;"}}, err
}
func (b *teller) SignMessage(_ context.Context, _ app.Purse, _ string, text []byte, password app.Secret) (string, error) {
	b.note("sign " + string(text))
	return "SIGNATURE", b.check(password)
}
func (b *teller) VerifyMessage(_ context.Context, _, _ string, text []byte, signature string) error {
	if signature != "SIGNATURE" || len(text) == 0 {
		return app.Coded(app.CodeInvalid, "signature: not one of this message")
	}
	return nil
}

func (b *teller) Fees(_ context.Context, chain string) (app.Fees, error) {
	return app.Fees{Chain: chain, Least: 1000, Low: 1000, Normal: 2500, High: 10_000, Source: "peers", Unit: devUnit, Trust: b.trust()}, nil
}

func (b *teller) Subscribe(ctx context.Context) <-chan app.Event {
	out := make(chan app.Event)
	context.AfterFunc(ctx, func() { close(out) })
	return out
}

var _ app.Backend = (*teller)(nil)

// keyboard is somebody at a terminal, with the answers ready.
type keyboard struct {
	secrets, lines []string
	screen         bytes.Buffer
}

func (k *keyboard) secret(_ context.Context, prompt string) (app.Secret, error) {
	k.show(prompt)
	if len(k.secrets) == 0 {
		return nil, errors.New("nobody answers")
	}
	next := k.secrets[0]
	k.secrets = k.secrets[1:]
	return app.Secret(next), nil
}

func (k *keyboard) line(_ context.Context, prompt string) (string, error) {
	k.show(prompt)
	if len(k.lines) == 0 {
		return "", errors.New("nobody answers")
	}
	next := k.lines[0]
	k.lines = k.lines[1:]
	return next, nil
}

func (k *keyboard) show(text string) { k.screen.WriteString(text) }
func (k *keyboard) close()           {}

// atTeller runs a command line against a Backend. K nil: nobody is at the terminal.
func atTeller(t testing.TB, b app.Backend, remote bool, k *keyboard, stdin string, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	s := newSession(strings.NewReader(stdin), &out, &errs)
	s.linger = 0
	s.terminal = func() (terminal, error) {
		if k == nil {
			return nil, errNoTerminal
		}
		return k, nil
	}
	s.backend = func(context.Context, opening) (*opened, error) {
		return &opened{b, remote, func() error { return nil }}, nil
	}
	code := s.run(t.Context(), args)
	return outcome{code, out.String(), errs.String()}
}
