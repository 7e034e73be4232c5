package walletapi

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
)

// others serves the methods that other nodes have. Names, places of parameters and fields are theirs; a parameter that we
// do not carry out is refused, never passed over.
type others struct{ app.Backend }

// desk is where a call is carried out.
type desk struct {
	app.Purse
	wallet app.Wallet
	chain  app.ChainState
}

func (d *desk) coin(n int64) json.Number { return coin(d.chain.Unit, n) }

// wallet finds the wallet that a call's path names; without a name, the only one there is.
func (o others) wallet(ctx context.Context, c *rpc.Call) (app.Wallet, error) {
	all, err := o.ListWallets(ctx)
	if err != nil {
		return app.Wallet{}, answered(err)
	}
	if c.Wallet == "" && len(all) == 1 {
		return all[0], nil
	}
	if c.Wallet == "" && len(all) > 1 {
		return app.Wallet{}, rpc.Errorf(rpc.NoWalletNamed, "wallet: there are %d: want the path /wallet/NAME", len(all))
	}
	for _, w := range all {
		if w.Name == c.Wallet {
			return w, nil
		}
	}
	if c.Wallet == "" {
		return app.Wallet{}, rpc.Errorf(rpc.NoSuchWallet, "wallet: there is none yet")
	}
	return app.Wallet{}, rpc.Errorf(rpc.NoSuchWallet, "wallet %q: there is none of this name", c.Wallet)
}

// desk finds wallet and chain: the chain that the path names, else the first that is followed and that the wallet is on.
func (o others) desk(ctx context.Context, c *rpc.Call) (*desk, error) {
	w, err := o.wallet(ctx, c)
	if err != nil {
		return nil, err
	}
	all, err := o.ListChains(ctx)
	if err != nil {
		return nil, answered(err)
	}
	for _, chain := range all {
		if chain.Name == c.Chain || c.Chain == "" && slices.Contains(w.Chains, chain.Name) {
			return &desk{app.Purse{Wallet: w.Name, Chain: chain.Name}, w, chain}, nil
		}
	}
	if c.Chain != "" {
		return nil, rpc.Errorf(rpc.InvalidParameter, "chain %q: not followed here", c.Chain)
	}
	return nil, rpc.Errorf(rpc.InvalidParameter, "wallet %s: none of its chains is followed here", w.Name)
}

// at wraps a method that wants a desk.
func (o others) at(f func(ctx context.Context, d *desk, a *rpc.Args) (any, error)) func(context.Context, *rpc.Call) (any, error) {
	return func(ctx context.Context, c *rpc.Call) (any, error) {
		d, err := o.desk(ctx, c)
		if err != nil {
			return nil, err
		}
		result, err := f(ctx, d, &c.Args)
		if err != nil {
			return nil, answered(err)
		}
		return result, nil
	}
}

// only refuses a parameter that was given with another value than those (JSON) that mean nothing.
func only(a *rpc.Args, i int, values ...string) error {
	if raw := a.Raw(i); raw != nil && !slices.Contains(values, string(bytes.TrimSpace(raw))) {
		return a.Bad(rpc.InvalidParameter, i, "it left out: nothing else is carried out here")
	}
	return nil
}

func params(names ...string) (out []rpc.Param) {
	optional := false
	for _, name := range names {
		if name == "|" {
			optional = true
			continue
		}
		out = append(out, rpc.Param{Name: name, Text: paramTexts[name], Optional: optional})
	}
	return out
}

// paramTexts says what parameters are that several methods share.
var paramTexts = map[string]string{
	"label": "a label, kept with what is made", "address_type": "legacy, p2sh-segwit, bech32 or bech32m",
	"minconf": "confirmations, at least", "maxconf": "confirmations, at most", "addresses": "only what was paid to these (array)",
	"include_unsafe": "false leaves out what others may still take back", "query_options": "minimumAmount, maximumAmount",
	"address": "to pay to", "amount": "in whole coins", "comment": "a label for the transaction", "comment_to": "a label for the address",
	"subtractfeefromamount": "the recipient pays the fee", "replaceable": "true: all that is made here can be replaced",
	"conf_target": "leave out: say fee_rate instead", "estimate_mode": "leave out", "avoid_reuse": "leave out",
	"fee_rate": "base units per virtual byte", "verbose": "also say where the fee comes from", "dummy": "\"\" or \"*\"",
	"amounts": "object of address: amount", "subtractfeefrom": "addresses that pay the fee (one at most)",
	"idempotency_key": "repeating a call with the same key sends nothing a second time",
	"accept":          "concerns of the warnings that are agreed to (array)",
	"inputs":          "coins to spend: array of {txid, vout}; empty: the wallet chooses", "outputs": "array of {address: amount} and {data: hex}",
	"locktime": "leave out", "options": "object: fee_rate, or feeRate in coins per 1000 virtual bytes", "bip32derivs": "leave out",
	"psbt": "base64", "sign": "true", "sighashtype": "leave out: DEFAULT", "finalize": "also return the transaction once it is complete",
	"txid": "of a transaction of the wallet", "count": "at most", "skip": "so many", "include_watchonly": "makes no difference here",
	"requests": "array of {desc, timestamp}", "passphrase": "the wallet's password", "timeout": "seconds",
}

// compatible returns the methods.
func compatible(b app.Backend) []rpc.Method {
	o := others{b}
	m := func(name, text, example string, list []rpc.Param, do func(context.Context, *rpc.Call) (any, error)) rpc.Method {
		return rpc.Method{Name: name, Category: "wallet", Text: text, Params: list, Example: example, Call: do}
	}
	return []rpc.Method{
		m("listwallets", "Returns the names of the wallets.", "", nil, o.listWallets),
		m("getwalletinfo", "Returns what a wallet is and how far it is scanned.", "", nil, o.at(o.walletInfo)),
		m("walletpassphrase", "Unlocks the wallet for so many seconds.", "PASSWORD 60", params("passphrase", "timeout"), o.passphrase),
		m("walletlock", "Locks the wallet.", "", nil, o.lockWallet),
		m("importdescriptors", "Makes the watch-only wallet that the path names, of output descriptors.",
			`'[{"desc":"wpkh(...)#...","timestamp":"now"}]'`, params("requests"), o.importDescriptors),
		m("getnewaddress", "Returns an address that was not given out before.", `"rent" bech32`, params("|", "label", "address_type"), o.at(o.newAddress)),
		m("getbalance", "Returns what can be relied on.", `"*" 0`, params("|", "dummy", "minconf", "include_watchonly", "avoid_reuse"), o.at(o.balance)),
		m("getbalances", "Returns the money by how far it can be relied on.", "", nil, o.at(o.balances)),
		m("listunspent", "Returns the coins.", "1 9999999", params("|", "minconf", "maxconf", "addresses", "include_unsafe", "query_options"), o.at(o.unspent)),
		m("listtransactions", "Returns payments, oldest of the newest first.", `"*" 10 0`,
			params("|", "label", "count", "skip", "include_watchonly"), o.at(o.transactions)),
		m("gettransaction", "Returns all that is known of a transaction.", "TXID", params("txid", "|", "include_watchonly", "verbose"), o.at(o.transaction)),
		m("sendtoaddress", "Pays to an address and returns the transaction's id.", `ADDRESS 0.1`,
			params("address", "amount", "|", "comment", "comment_to", "subtractfeefromamount", "replaceable", "conf_target", "estimate_mode",
				"avoid_reuse", "fee_rate", "verbose", "idempotency_key", "accept"), o.at(o.sendToAddress)),
		m("sendmany", "Pays to several addresses and returns the transaction's id.", `"" '{"ADDRESS":0.1}'`,
			params("dummy", "amounts", "|", "minconf", "comment", "subtractfeefrom", "replaceable", "conf_target", "estimate_mode", "fee_rate",
				"verbose", "idempotency_key", "accept"), o.at(o.sendMany)),
		m("bumpfee", "Replaces a pending transaction by one that pays more.", "TXID", params("txid", "|", "options", "idempotency_key", "accept"), o.at(o.bumpFee)),
		m("walletcreatefundedpsbt", "Plans a payment and returns it as a PSBT.", `'[]' '[{"ADDRESS":0.1}]'`,
			params("inputs", "outputs", "|", "locktime", "options", "bip32derivs"), o.at(o.fundedPacket)),
		m("walletprocesspsbt", "Signs a PSBT.", "PSBT", params("psbt", "|", "sign", "sighashtype", "bip32derivs", "finalize"), o.at(o.processPacket)),
	}
}

// hashText returns a block's hash, or nothing.
func hashText(b *spv.Block) string {
	if b == nil {
		return ""
	}
	return b.Hash.String()
}
