package walletapi

import (
	"context"
	"io"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
)

// Client is an app.Backend that a daemon carries out. It is safe for concurrent use.
type Client struct{ rpc *rpc.Client }

var _ app.Backend = (*Client)(nil)

// NewClient returns a client of the daemon that can be reached so. It does not connect yet; its access's chain and wallet do
// not matter.
func NewClient(to *rpc.Client) *Client { return &Client{to} }

// ask carries a call out.
func ask[P, R any](ctx context.Context, c *Client, x call[P, R], p P) (result R, err error) {
	if x.example == "" {
		err = c.rpc.Call(ctx, &result, x.name)
	} else {
		err = c.rpc.Call(ctx, &result, x.name, p)
	}
	return result, received(err)
}

func tell[P any](ctx context.Context, c *Client, x call[P, none], p P) error {
	_, err := ask(ctx, c, x, p)
	return err
}

// Every method below is app.Backend's, which says what it does.

func (c *Client) ListWallets(ctx context.Context) ([]app.Wallet, error) {
	return ask(ctx, c, listWallets, none{})
}

func (c *Client) CreateWallet(ctx context.Context, n app.NewWallet) (app.Created, error) {
	made, err := ask(ctx, c, createWallet, sealed(n))
	return app.Created{Wallet: made.Wallet, Backup: made.Backup.open()}, err
}

func (c *Client) RestoreWallet(ctx context.Context, n app.NewWallet, words, passphrase app.Secret) (app.Wallet, error) {
	p := sealed(n)
	p.Words, p.Passphrase = plain(words), plain(passphrase)
	return ask(ctx, c, restoreWallet, p)
}

func (c *Client) WatchWallet(ctx context.Context, n app.NewWallet, keys []string) (app.Wallet, error) {
	p := sealed(n)
	p.Keys = keys
	return ask(ctx, c, watchWallet, p)
}

func (c *Client) AddChains(ctx context.Context, wallet string, password app.Secret, chains []string) (app.Wallet, error) {
	return ask(ctx, c, addChains, secretFor{Wallet: wallet, Password: plain(password), Chains: chains})
}

func (c *Client) AddAccounts(ctx context.Context, wallet string, password app.Secret, count uint32) (app.Wallet, error) {
	return ask(ctx, c, addAccounts, secretFor{Wallet: wallet, Password: plain(password), Count: count})
}

func (c *Client) Descriptors(ctx context.Context, in app.Purse) ([]string, error) {
	return ask(ctx, c, descriptors, in)
}

func (c *Client) SetGap(ctx context.Context, in app.Purse, gap uint32) error {
	return tell(ctx, c, setGap, numberIn{in, int64(gap)})
}

func (c *Client) Rescan(ctx context.Context, in app.Purse, from int32) error {
	return tell(ctx, c, rescan, numberIn{in, int64(from)})
}

func (c *Client) Unlock(ctx context.Context, wallet string, password app.Secret, idle time.Duration) (app.Wallet, error) {
	return ask(ctx, c, unlock, secretFor{Wallet: wallet, Password: plain(password), Seconds: int64(idle / time.Second)})
}

func (c *Client) Lock(ctx context.Context, wallet string) error {
	return tell(ctx, c, lock, walletOnly{wallet})
}

func (c *Client) ChangePassword(ctx context.Context, wallet string, password, next app.Secret) error {
	return tell(ctx, c, changePassword, secretFor{Wallet: wallet, Password: plain(password), Next: plain(next)})
}

func (c *Client) Backup(ctx context.Context, wallet string, password app.Secret) (app.Backup, error) {
	kept, err := ask(ctx, c, backupWallet, secretFor{Wallet: wallet, Password: plain(password)})
	return kept.open(), err
}

func (c *Client) CheckBackup(ctx context.Context, wallet string, words, passphrase app.Secret) (app.BackupCheck, error) {
	return ask(ctx, c, checkBackup, secretFor{Wallet: wallet, Words: plain(words), Passphrase: plain(passphrase)})
}

func (c *Client) RestoreFile(ctx context.Context, wallet string) (app.Wallet, error) {
	return ask(ctx, c, restoreFile, walletOnly{wallet})
}

func (c *Client) CheckWords(ctx context.Context, words app.Secret) (app.WordsCheck, error) {
	return ask(ctx, c, checkWords, secretFor{Words: plain(words)})
}

func (c *Client) Balance(ctx context.Context, in app.Purse) (app.Balance, error) {
	return ask(ctx, c, balance, in)
}

func (c *Client) Balances(ctx context.Context, wallet string) ([]app.Balance, error) {
	return ask(ctx, c, balances, walletOnly{wallet})
}

func (c *Client) History(ctx context.Context, in app.Purse, q app.HistoryQuery) (app.History, error) {
	return ask(ctx, c, history, historyIn{in, q})
}

func (c *Client) ExportHistory(ctx context.Context, in app.Purse, q app.HistoryQuery) ([]byte, error) {
	text, err := ask(ctx, c, exportHistory, historyIn{in, q})
	return []byte(text), err
}

func (c *Client) Transaction(ctx context.Context, in app.Purse, id spv.Hash) (app.Transaction, error) {
	return ask(ctx, c, transaction, txIn{Purse: in, ID: id})
}

func (c *Client) Accounts(ctx context.Context, in app.Purse) ([]app.Account, error) {
	return ask(ctx, c, accounts, in)
}

func (c *Client) Receive(ctx context.Context, in app.Purse, r app.ReceiveRequest) (app.Address, error) {
	return ask(ctx, c, receive, receiveIn{in, r})
}

func (c *Client) Addresses(ctx context.Context, in app.Purse) ([]app.Address, error) {
	return ask(ctx, c, addresses, in)
}

func (c *Client) LookUp(ctx context.Context, in app.Purse, address string) (app.AddressFacts, error) {
	return ask(ctx, c, lookUp, addressIn{Purse: in, Address: address})
}

func (c *Client) ListCoins(ctx context.Context, in app.Purse, f app.CoinFilter) (app.CoinList, error) {
	return ask(ctx, c, listCoins, filterIn{in, f})
}

func (c *Client) Freeze(ctx context.Context, in app.Purse, outpoints []string, frozen bool) error {
	return tell(ctx, c, freeze, coinsIn{Purse: in, Outpoints: outpoints, Frozen: frozen})
}

func (c *Client) TagCoins(ctx context.Context, in app.Purse, outpoints []string, tags []string) error {
	return tell(ctx, c, tagCoins, coinsIn{Purse: in, Outpoints: outpoints, Tags: tags})
}

func (c *Client) TagAddress(ctx context.Context, in app.Purse, address string, tags []string) error {
	return tell(ctx, c, tagAddress, addressIn{in, address, tags})
}

func (c *Client) NeverMerge(ctx context.Context, in app.Purse, a, b string, never bool) error {
	return tell(ctx, c, neverMerge, ruleIn{in, a, b, never})
}

func (c *Client) Rules(ctx context.Context, in app.Purse) ([][2]string, error) {
	return ask(ctx, c, rules, in)
}

func (c *Client) SetLabel(ctx context.Context, in app.Purse, kind, ref, text string) error {
	return tell(ctx, c, setLabel, labelIn{in, kind, ref, text})
}

func (c *Client) ExportLabels(ctx context.Context, in app.Purse, w io.Writer) error {
	file, err := ask(ctx, c, exportLabels, in)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, file)
	return err
}

// maxLabels leaves room for the escaping of a file within the largest request.
const maxLabels = rpc.MaxBody / 2

func (c *Client) ImportLabels(ctx context.Context, in app.Purse, r io.Reader) (app.Imported, error) {
	file, err := io.ReadAll(io.LimitReader(r, maxLabels+1))
	if err != nil {
		return app.Imported{}, err
	}
	if len(file) > maxLabels {
		return app.Imported{}, app.Coded(app.CodeInvalid, "label file: more than %d bytes", maxLabels)
	}
	return ask(ctx, c, importLabels, fileIn{in, string(file)})
}

func (c *Client) SignMessage(ctx context.Context, in app.Purse, address string, text []byte, password app.Secret) (string, error) {
	return ask(ctx, c, signMessage, messageIn{Purse: in, Address: address, Text: text, Password: plain(password)})
}

func (c *Client) VerifyMessage(ctx context.Context, chain, address string, text []byte, signature string) error {
	return tell(ctx, c, verifyMessage, messageIn{Purse: app.Purse{Chain: chain}, Address: address, Text: text, Signature: signature})
}

func (c *Client) ListChains(ctx context.Context) ([]app.ChainState, error) {
	return ask(ctx, c, listChains, none{})
}

func (c *Client) Fees(ctx context.Context, chain string) (app.Fees, error) {
	return ask(ctx, c, fees, chainOnly{chain})
}
