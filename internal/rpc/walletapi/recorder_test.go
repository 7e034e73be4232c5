package walletapi

import (
	"context"
	"io"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

var _ app.Backend = (*recorder)(nil)

func (o *recorder) SetLabel(_ context.Context, in app.Purse, kind, ref, text string) error {
	o.note(in, kind, ref, text)
	return o.err
}

func (o *recorder) ExportLabels(_ context.Context, in app.Purse, w io.Writer) error {
	if o.err == nil {
		_, _ = io.WriteString(w, "labels")
	}
	o.note(in)
	return o.err
}

func (o *recorder) ImportLabels(_ context.Context, in app.Purse, r io.Reader) (app.Imported, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	o.note(in, string(raw))
	return answerOf[app.Imported](o)
}

func (o *recorder) SignMessage(_ context.Context, in app.Purse, address string, text []byte, password app.Secret) (string, error) {
	o.note(in, address, text, password)
	return answerOf[string](o)
}

func (o *recorder) VerifyMessage(_ context.Context, chain, address string, text []byte, signature string) error {
	o.note(chain, address, text, signature)
	return o.err
}

func (o *recorder) Draft(_ context.Context, in app.Purse, p app.Payment) (app.Draft, error) {
	o.note(in, p)
	return answerOf[app.Draft](o)
}

func (o *recorder) Bump(_ context.Context, in app.Purse, id spv.Hash, rate int64) (app.Draft, error) {
	o.note(in, id, rate)
	return answerOf[app.Draft](o)
}

func (o *recorder) Cancel(_ context.Context, in app.Purse, id spv.Hash, rate int64) (app.Draft, error) {
	o.note(in, id, rate)
	return answerOf[app.Draft](o)
}

func (o *recorder) Raise(_ context.Context, in app.Purse, id spv.Hash, rate int64) (app.Draft, error) {
	o.note(in, id, rate)
	return answerOf[app.Draft](o)
}

func (o *recorder) Split(_ context.Context, in app.Purse, s app.SplitRequest) (app.Draft, error) {
	o.note(in, s)
	return answerOf[app.Draft](o)
}

func (o *recorder) Sent(_ context.Context, in app.Purse, key string, of app.Asked) (*app.Sent, error) {
	o.note(in, key, of)
	return answerOf[*app.Sent](o)
}

func (o *recorder) Send(_ context.Context, s app.SendRequest) (app.Sent, error) {
	o.note(s)
	return answerOf[app.Sent](o)
}

func (o *recorder) Discard(_ context.Context, draft string) error {
	o.note(draft)
	return o.err
}

func (o *recorder) Abandon(_ context.Context, in app.Purse, id spv.Hash) error {
	o.note(in, id)
	return o.err
}

func (o *recorder) ParseURI(_ context.Context, chain, text string) (app.PaymentRequest, error) {
	o.note(chain, text)
	return answerOf[app.PaymentRequest](o)
}

func (o *recorder) PlanCombine(_ context.Context, in app.Purse, c app.CombineRequest) (app.Plan, error) {
	o.note(in, c)
	return answerOf[app.Plan](o)
}

func (o *recorder) RunPlan(_ context.Context, in app.Purse, plan string, password app.Secret, consent []string) (app.PlanState, error) {
	o.note(in, plan, password, consent)
	return answerOf[app.PlanState](o)
}

func (o *recorder) ListPlans(_ context.Context, in app.Purse) ([]app.Plan, error) {
	o.note(in)
	return answerOf[[]app.Plan](o)
}

func (o *recorder) DropPlan(_ context.Context, in app.Purse, plan string) error {
	o.note(in, plan)
	return o.err
}

func (o *recorder) DraftPacket(_ context.Context, draft string) (string, error) {
	o.note(draft)
	return answerOf[string](o)
}

func (o *recorder) ShowPacket(_ context.Context, in app.Purse, packet string) (app.Packet, error) {
	o.note(in, packet)
	return answerOf[app.Packet](o)
}

func (o *recorder) SignPacket(_ context.Context, in app.Purse, packet string, password app.Secret) (app.Packet, error) {
	o.note(in, packet, password)
	return answerOf[app.Packet](o)
}

func (o *recorder) CombinePackets(_ context.Context, packets []string) (string, error) {
	o.note(packets)
	return answerOf[string](o)
}

func (o *recorder) SendPacket(_ context.Context, in app.Purse, packet string) (app.Sent, error) {
	o.note(in, packet)
	return answerOf[app.Sent](o)
}

func (o *recorder) FinishPacket(_ context.Context, packet string) (string, error) {
	o.note(packet)
	return answerOf[string](o)
}

func (o *recorder) Balance(_ context.Context, in app.Purse) (app.Balance, error) {
	o.note(in)
	return answerOf[app.Balance](o)
}

func (o *recorder) Balances(_ context.Context, wallet string) ([]app.Balance, error) {
	o.note(wallet)
	return answerOf[[]app.Balance](o)
}

func (o *recorder) History(_ context.Context, in app.Purse, q app.HistoryQuery) (app.History, error) {
	o.note(in, q)
	return answerOf[app.History](o)
}

func (o *recorder) ExportHistory(_ context.Context, in app.Purse, q app.HistoryQuery) ([]byte, error) {
	o.note(in, q)
	return answerOf[[]byte](o)
}

func (o *recorder) Transaction(_ context.Context, in app.Purse, id spv.Hash) (app.Transaction, error) {
	o.note(in, id)
	return answerOf[app.Transaction](o)
}

func (o *recorder) Accounts(_ context.Context, in app.Purse) ([]app.Account, error) {
	o.note(in)
	return answerOf[[]app.Account](o)
}

func (o *recorder) Receive(_ context.Context, in app.Purse, r app.ReceiveRequest) (app.Address, error) {
	o.note(in, r)
	return answerOf[app.Address](o)
}

func (o *recorder) Addresses(_ context.Context, in app.Purse) ([]app.Address, error) {
	o.note(in)
	return answerOf[[]app.Address](o)
}

func (o *recorder) LookUp(_ context.Context, in app.Purse, address string) (app.AddressFacts, error) {
	o.note(in, address)
	return answerOf[app.AddressFacts](o)
}

func (o *recorder) ListCoins(_ context.Context, in app.Purse, f app.CoinFilter) (app.CoinList, error) {
	o.note(in, f)
	return answerOf[app.CoinList](o)
}

func (o *recorder) Freeze(_ context.Context, in app.Purse, outpoints []string, frozen bool) error {
	o.note(in, outpoints, frozen)
	return o.err
}

func (o *recorder) TagCoins(_ context.Context, in app.Purse, outpoints []string, tags []string) error {
	o.note(in, outpoints, tags)
	return o.err
}

func (o *recorder) TagAddress(_ context.Context, in app.Purse, address string, tags []string) error {
	o.note(in, address, tags)
	return o.err
}

func (o *recorder) NeverMerge(_ context.Context, in app.Purse, a, b string, never bool) error {
	o.note(in, a, b, never)
	return o.err
}

func (o *recorder) Rules(_ context.Context, in app.Purse) ([][2]string, error) {
	o.note(in)
	return answerOf[[][2]string](o)
}

func (o *recorder) ListChains(_ context.Context) ([]app.ChainState, error) {
	o.note()
	return answerOf[[]app.ChainState](o)
}

func (o *recorder) Fees(_ context.Context, chain string) (app.Fees, error) {
	o.note(chain)
	return answerOf[app.Fees](o)
}

func (o *recorder) ListWallets(_ context.Context) ([]app.Wallet, error) {
	o.note()
	return answerOf[[]app.Wallet](o)
}

func (o *recorder) CreateWallet(_ context.Context, n app.NewWallet) (app.Created, error) {
	o.note(n)
	return answerOf[app.Created](o)
}

func (o *recorder) RestoreWallet(_ context.Context, n app.NewWallet, words, passphrase app.Secret) (app.Wallet, error) {
	o.note(n, words, passphrase)
	return answerOf[app.Wallet](o)
}

func (o *recorder) WatchWallet(_ context.Context, n app.NewWallet, keys []string) (app.Wallet, error) {
	o.note(n, keys)
	return answerOf[app.Wallet](o)
}

func (o *recorder) AddChains(_ context.Context, wallet string, password app.Secret, chains []string) (app.Wallet, error) {
	o.note(wallet, password, chains)
	return answerOf[app.Wallet](o)
}

func (o *recorder) AddAccounts(_ context.Context, wallet string, password app.Secret, count uint32) (app.Wallet, error) {
	o.note(wallet, password, count)
	return answerOf[app.Wallet](o)
}

func (o *recorder) Descriptors(_ context.Context, in app.Purse) ([]string, error) {
	o.note(in)
	return answerOf[[]string](o)
}

func (o *recorder) SetGap(_ context.Context, in app.Purse, gap uint32) error {
	o.note(in, gap)
	return o.err
}

func (o *recorder) Rescan(_ context.Context, in app.Purse, from int32) error {
	o.note(in, from)
	return o.err
}

func (o *recorder) Unlock(_ context.Context, wallet string, password app.Secret, idle time.Duration) (app.Wallet, error) {
	o.note(wallet, password, idle)
	return answerOf[app.Wallet](o)
}

func (o *recorder) Lock(_ context.Context, wallet string) error {
	o.note(wallet)
	return o.err
}

func (o *recorder) ChangePassword(_ context.Context, wallet string, password, next app.Secret) error {
	o.note(wallet, password, next)
	return o.err
}

func (o *recorder) Backup(_ context.Context, wallet string, password app.Secret) (app.Backup, error) {
	o.note(wallet, password)
	return answerOf[app.Backup](o)
}

func (o *recorder) CheckBackup(_ context.Context, wallet string, words, passphrase app.Secret) (app.BackupCheck, error) {
	o.note(wallet, words, passphrase)
	return answerOf[app.BackupCheck](o)
}

func (o *recorder) RestoreFile(_ context.Context, wallet string) (app.Wallet, error) {
	o.note(wallet)
	return answerOf[app.Wallet](o)
}

func (o *recorder) CheckWords(_ context.Context, words app.Secret) (app.WordsCheck, error) {
	o.note(words)
	return answerOf[app.WordsCheck](o)
}
