package walletapi

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
)

// call is one method of app.Backend on the wire: the server does it, the client asks it, and both read the same types.
type call[P, R any] struct {
	name    string
	text    string
	example string // the request, JSON; empty: the method takes none
	do      func(app.Backend, context.Context, P) (R, error)
}

const in = `"wallet":"main","chain":"dev"`

// The methods on wallets and their keys.
var (
	listWallets = call[none, []app.Wallet]{"wallet.list", "Returns the wallets of the data folder.", "",
		func(b app.Backend, ctx context.Context, _ none) ([]app.Wallet, error) { return b.ListWallets(ctx) }}
	createWallet = call[newWallet, created]{"wallet.create", "Makes a wallet and returns its words, this once.",
		`{"name":"main","chains":["dev"],"password":"..."}`,
		func(b app.Backend, ctx context.Context, n newWallet) (created, error) {
			c, err := b.CreateWallet(ctx, n.open())
			return created{c.Wallet, backupOf(c.Backup)}, err
		}}
	restoreWallet = call[newWallet, app.Wallet]{"wallet.restore", "Makes a wallet of words that exist.",
		`{"name":"main","chains":["dev"],"password":"...","words":"..."}`,
		func(b app.Backend, ctx context.Context, n newWallet) (app.Wallet, error) {
			open := n.open()
			open.Passphrase = nil
			return b.RestoreWallet(ctx, open, app.Secret(n.Words), app.Secret(n.Passphrase))
		}}
	watchWallet = call[newWallet, app.Wallet]{"wallet.watch", "Makes a wallet that cannot sign, of extended public keys or descriptors.",
		`{"name":"shop","chains":["dev"],"password":"...","keys":["wpkh(...)"]}`,
		func(b app.Backend, ctx context.Context, n newWallet) (app.Wallet, error) {
			return b.WatchWallet(ctx, n.open(), n.Keys)
		}}
	addChains = call[secretFor, app.Wallet]{"wallet.addchains", "Gives a wallet accounts on further chains.",
		`{"wallet":"main","password":"...","chains":["dev-native"]}`,
		func(b app.Backend, ctx context.Context, p secretFor) (app.Wallet, error) {
			return b.AddChains(ctx, p.Wallet, app.Secret(p.Password), p.Chains)
		}}
	addAccounts = call[secretFor, app.Wallet]{"wallet.addaccounts", "Gives a wallet further accounts on each of its chains.",
		`{"wallet":"main","password":"...","count":1}`,
		func(b app.Backend, ctx context.Context, p secretFor) (app.Wallet, error) {
			return b.AddAccounts(ctx, p.Wallet, app.Secret(p.Password), p.Count)
		}}
	descriptors = call[app.Purse, []string]{"wallet.descriptors", "Returns a wallet's output descriptors on a chain.",
		"{" + in + "}",
		app.Backend.Descriptors}
	setGap = call[numberIn, none]{"wallet.setgap", "Sets how many unused addresses are looked for behind the last used one.",
		"{" + in + `,"number":100}`,
		func(b app.Backend, ctx context.Context, p numberIn) (none, error) {
			if p.Number < 0 || p.Number > 1<<31 {
				return none{}, app.Coded(app.CodeInvalid, "gap: got %d, want at most 10000", p.Number)
			}
			return none{}, b.SetGap(ctx, p.Purse, uint32(p.Number))
		}}
	rescan = call[numberIn, none]{"wallet.rescan", "Looks through all blocks from a height on once more.",
		"{" + in + `,"number":100}`,
		func(b app.Backend, ctx context.Context, p numberIn) (none, error) {
			if p.Number < 0 || p.Number >= 1<<31 {
				return none{}, app.Coded(app.CodeInvalid, "height: got %d, want 0 to %d", p.Number, 1<<31-1)
			}
			return none{}, b.Rescan(ctx, p.Purse, int32(p.Number))
		}}
	unlock = call[secretFor, app.Wallet]{"wallet.unlock", "Lets a wallet sign without a password until it was idle for so many seconds.",
		`{"wallet":"main","password":"...","seconds":600}`,
		func(b app.Backend, ctx context.Context, p secretFor) (app.Wallet, error) {
			if p.Seconds < 0 || p.Seconds > 86400 {
				return app.Wallet{}, app.Coded(app.CodeInvalid, "seconds: got %d, want at most 86400, a day", p.Seconds)
			}
			return b.Unlock(ctx, p.Wallet, app.Secret(p.Password), time.Duration(p.Seconds)*time.Second)
		}}
	lock = call[walletOnly, none]{"wallet.lock", "Locks a wallet.", `{"wallet":"main"}`,
		func(b app.Backend, ctx context.Context, p walletOnly) (none, error) {
			return none{}, b.Lock(ctx, p.Wallet)
		}}
	changePassword = call[secretFor, none]{"wallet.password", "Gives a wallet another password.",
		`{"wallet":"main","password":"...","next":"..."}`,
		func(b app.Backend, ctx context.Context, p secretFor) (none, error) {
			return none{}, b.ChangePassword(ctx, p.Wallet, app.Secret(p.Password), app.Secret(p.Next))
		}}
	backupWallet = call[secretFor, backup]{"wallet.backup", "Returns what the owner writes down: the words.",
		`{"wallet":"main","password":"..."}`,
		func(b app.Backend, ctx context.Context, p secretFor) (backup, error) {
			kept, err := b.Backup(ctx, p.Wallet, app.Secret(p.Password))
			return backupOf(kept), err
		}}
	checkBackup = call[secretFor, app.BackupCheck]{"wallet.checkbackup", "Tells whether words are those of a wallet.",
		`{"wallet":"main","words":"..."}`,
		func(b app.Backend, ctx context.Context, p secretFor) (app.BackupCheck, error) {
			return b.CheckBackup(ctx, p.Wallet, app.Secret(p.Words), app.Secret(p.Passphrase))
		}}
	restoreFile = call[walletOnly, app.Wallet]{"wallet.restorefile", "Puts the backup in the place of a key file that is damaged or gone.",
		`{"wallet":"main"}`,
		func(b app.Backend, ctx context.Context, p walletOnly) (app.Wallet, error) {
			return b.RestoreFile(ctx, p.Wallet)
		}}
	checkWords = call[secretFor, app.WordsCheck]{"wallet.checkwords", "Says what is wrong with recovery words, if anything is.",
		`{"words":"..."}`,
		func(b app.Backend, ctx context.Context, p secretFor) (app.WordsCheck, error) {
			return b.CheckWords(ctx, app.Secret(p.Words))
		}}
)

// The methods on money.
var (
	balance = call[app.Purse, app.Balance]{"money.balance", "Adds up a wallet's money on a chain, by class.",
		"{" + in + "}", app.Backend.Balance}
	balances = call[walletOnly, []app.Balance]{"money.balances", "Adds up a wallet's money on all its chains.",
		`{"wallet":"main"}`,
		func(b app.Backend, ctx context.Context, p walletOnly) ([]app.Balance, error) {
			return b.Balances(ctx, p.Wallet)
		}}
	history = call[historyIn, app.History]{"money.history", "Returns transactions, newest first.",
		"{" + in + `,"count":20}`,
		func(b app.Backend, ctx context.Context, p historyIn) (app.History, error) {
			return b.History(ctx, p.Purse, p.HistoryQuery)
		}}
	exportHistory = call[historyIn, string]{"money.export", "Returns transactions as CSV.", "{" + in + "}",
		func(b app.Backend, ctx context.Context, p historyIn) (string, error) {
			raw, err := b.ExportHistory(ctx, p.Purse, p.HistoryQuery)
			return string(raw), err
		}}
	transaction = call[txIn, app.Transaction]{"money.transaction", "Returns all that is known of one transaction.",
		"{" + in + `,"txid":"..."}`,
		func(b app.Backend, ctx context.Context, p txIn) (app.Transaction, error) {
			return b.Transaction(ctx, p.Purse, p.ID)
		}}
	accounts = call[app.Purse, []app.Account]{"money.accounts", "Returns a wallet's accounts on a chain.",
		"{" + in + "}", app.Backend.Accounts}
	receive = call[receiveIn, app.Address]{"money.receive", "Returns an address to give out.",
		"{" + in + `,"fresh":true}`,
		func(b app.Backend, ctx context.Context, p receiveIn) (app.Address, error) {
			return b.Receive(ctx, p.Purse, p.ReceiveRequest)
		}}
	addresses = call[app.Purse, []app.Address]{"money.addresses", "Returns the addresses given out or paid to.",
		"{" + in + "}", app.Backend.Addresses}
	lookUp = call[addressIn, app.AddressFacts]{"money.lookup", "Says what an address is.",
		"{" + in + `,"address":"..."}`,
		func(b app.Backend, ctx context.Context, p addressIn) (app.AddressFacts, error) {
			return b.LookUp(ctx, p.Purse, p.Address)
		}}
	listCoins = call[filterIn, app.CoinList]{"coins.list", "Returns the unspent outputs that a filter takes.",
		"{" + in + `,"spendable":true}`,
		func(b app.Backend, ctx context.Context, p filterIn) (app.CoinList, error) {
			return b.ListCoins(ctx, p.Purse, p.CoinFilter)
		}}
	freeze = call[coinsIn, none]{"coins.freeze", "Keeps coins from being spent, or lets them.",
		"{" + in + `,"outpoints":["TXID:0"],"frozen":true}`,
		func(b app.Backend, ctx context.Context, p coinsIn) (none, error) {
			return none{}, b.Freeze(ctx, p.Purse, p.Outpoints, p.Frozen)
		}}
	tagCoins = call[coinsIn, none]{"coins.tag", "Sets the tags of coins.",
		"{" + in + `,"outpoints":["TXID:0"],"tags":["shop"]}`,
		func(b app.Backend, ctx context.Context, p coinsIn) (none, error) {
			return none{}, b.TagCoins(ctx, p.Purse, p.Outpoints, p.Tags)
		}}
	tagAddress = call[addressIn, none]{"coins.tagaddress", "Sets the tags of all coins paid to an address.",
		"{" + in + `,"address":"...","tags":["shop"]}`,
		func(b app.Backend, ctx context.Context, p addressIn) (none, error) {
			return none{}, b.TagAddress(ctx, p.Purse, p.Address, p.Tags)
		}}
	neverMerge = call[ruleIn, none]{"coins.nevermerge", "Makes or lifts the rule that coins of two tags never meet.",
		"{" + in + `,"a":"shop","b":"*","never":true}`,
		func(b app.Backend, ctx context.Context, p ruleIn) (none, error) {
			return none{}, b.NeverMerge(ctx, p.Purse, p.A, p.B, p.Never)
		}}
	rules = call[app.Purse, [][2]string]{"coins.rules", "Returns the pairs of tags that never meet.",
		"{" + in + "}", app.Backend.Rules}
)

// The methods that make transactions.
var (
	draft = call[paymentIn, app.Draft]{"pay.draft", "Plans a payment; nothing changes.",
		"{" + in + `,"to":[{"address":"...","amount":1000}]}`,
		func(b app.Backend, ctx context.Context, p paymentIn) (app.Draft, error) {
			return b.Draft(ctx, p.Purse, p.Payment)
		}}
	bump   = change("pay.bump", "Plans a replacement that pays a higher fee.", app.Backend.Bump)
	cancel = change("pay.cancel", "Plans a replacement that pays back to ourselves.", app.Backend.Cancel)
	raise  = change("pay.raise", "Plans a child that pays for its parent.", app.Backend.Raise)
	split  = call[splitIn, app.Draft]{"pay.split", "Plans a transaction to ourselves that makes the coins asked for.",
		"{" + in + `,"count":50}`,
		func(b app.Backend, ctx context.Context, p splitIn) (app.Draft, error) {
			return b.Split(ctx, p.Purse, p.SplitRequest)
		}}
	sent = call[sentIn, *app.Sent]{"pay.sent", "Returns what was sent under a key, null if nothing was; to be asked before a repetition is planned.",
		"{" + in + `,"key":"order 17","payment":{"to":[{"address":"...","amount":1000}]}}`,
		func(b app.Backend, ctx context.Context, p sentIn) (*app.Sent, error) {
			return b.Sent(ctx, p.Purse, p.Key, p.Asked)
		}}
	send = call[sendRequest, app.Sent]{"pay.send", "Signs a draft and sends it. With a key it is safe to repeat.",
		`{"draft":"...","password":"...","key":"order 17"}`,
		func(b app.Backend, ctx context.Context, p sendRequest) (app.Sent, error) {
			p.SendRequest.Password = app.Secret(p.Password)
			return b.Send(ctx, p.SendRequest)
		}}
	discard = call[draftOnly, none]{"pay.discard", "Forgets a draft.", `{"draft":"..."}`,
		func(b app.Backend, ctx context.Context, p draftOnly) (none, error) {
			return none{}, b.Discard(ctx, p.Draft)
		}}
	abandon = call[txIn, none]{"pay.abandon", "Gives up a pending transaction.", "{" + in + `,"txid":"..."}`,
		func(b app.Backend, ctx context.Context, p txIn) (none, error) {
			return none{}, b.Abandon(ctx, p.Purse, p.ID)
		}}
	parseURI = call[textOn, app.PaymentRequest]{"pay.parse", "Reads a payment request or an address.",
		`{"chain":"dev","text":"..."}`,
		func(b app.Backend, ctx context.Context, p textOn) (app.PaymentRequest, error) {
			return b.ParseURI(ctx, p.Chain, p.Text)
		}}
	planCombine = call[combineIn, app.Plan]{"plan.combine", "Plans to combine coins; nothing changes.",
		"{" + in + `,"max_value":10000}`,
		func(b app.Backend, ctx context.Context, p combineIn) (app.Plan, error) {
			return b.PlanCombine(ctx, p.Purse, p.CombineRequest)
		}}
	runPlan = call[planIn, app.PlanState]{"plan.run", "Sends all transactions of a plan that can be sent now.",
		"{" + in + `,"plan":"...","password":"..."}`,
		func(b app.Backend, ctx context.Context, p planIn) (app.PlanState, error) {
			return b.RunPlan(ctx, p.Purse, p.Plan, app.Secret(p.Password), p.Consent)
		}}
	listPlans = call[app.Purse, []app.Plan]{"plan.list", "Returns the plans that are kept.",
		"{" + in + "}", app.Backend.ListPlans}
	dropPlan = call[planIn, none]{"plan.drop", "Forgets a plan.", "{" + in + `,"plan":"..."}`,
		func(b app.Backend, ctx context.Context, p planIn) (none, error) {
			return none{}, b.DropPlan(ctx, p.Purse, p.Plan)
		}}
	draftPacket = call[draftOnly, string]{"psbt.draft", "Returns a draft as a PSBT.", `{"draft":"..."}`,
		func(b app.Backend, ctx context.Context, p draftOnly) (string, error) {
			return b.DraftPacket(ctx, p.Draft)
		}}
	showPacket = call[packetIn, app.Packet]{"psbt.show", "Says what a PSBT does.", "{" + in + `,"psbt":"..."}`,
		func(b app.Backend, ctx context.Context, p packetIn) (app.Packet, error) {
			return b.ShowPacket(ctx, p.Purse, p.Packet)
		}}
	signPacket = call[packetIn, app.Packet]{"psbt.sign", "Adds the signatures that a wallet can make.",
		"{" + in + `,"psbt":"...","password":"..."}`,
		func(b app.Backend, ctx context.Context, p packetIn) (app.Packet, error) {
			return b.SignPacket(ctx, p.Purse, p.Packet, app.Secret(p.Password))
		}}
	combinePackets = call[packetIn, string]{"psbt.combine", "Joins PSBTs of one transaction.", `{"psbts":["...","..."]}`,
		func(b app.Backend, ctx context.Context, p packetIn) (string, error) {
			return b.CombinePackets(ctx, p.Packets)
		}}
	sendPacket = call[packetIn, app.Sent]{"psbt.send", "Finishes a PSBT and sends it.", "{" + in + `,"psbt":"..."}`,
		func(b app.Backend, ctx context.Context, p packetIn) (app.Sent, error) {
			return b.SendPacket(ctx, p.Purse, p.Packet)
		}}
	finishPacket = call[packetIn, string]{"psbt.finish", "Finishes a PSBT and returns the transaction, unsent.",
		`{"psbt":"..."}`,
		func(b app.Backend, ctx context.Context, p packetIn) (string, error) {
			return b.FinishPacket(ctx, p.Packet)
		}}
)

// The methods on what is written beside the money, and on the network.
var (
	setLabel = call[labelIn, none]{"notes.set", "Writes a label (BIP329); an empty one removes it.",
		"{" + in + `,"kind":"tx","ref":"TXID","text":"rent"}`,
		func(b app.Backend, ctx context.Context, p labelIn) (none, error) {
			return none{}, b.SetLabel(ctx, p.Purse, p.Kind, p.Ref, p.Text)
		}}
	exportLabels = call[app.Purse, string]{"notes.export", "Returns all labels as a BIP329 file.", "{" + in + "}",
		func(b app.Backend, ctx context.Context, p app.Purse) (string, error) {
			var file bytes.Buffer
			err := b.ExportLabels(ctx, p, &file)
			return file.String(), err
		}}
	importLabels = call[fileIn, app.Imported]{"notes.import", "Takes in a BIP329 file.", "{" + in + `,"file":"..."}`,
		func(b app.Backend, ctx context.Context, p fileIn) (app.Imported, error) {
			return b.ImportLabels(ctx, p.Purse, strings.NewReader(p.File))
		}}
	signMessage = call[messageIn, string]{"notes.sign", "Signs a message (BIP322).",
		"{" + in + `,"address":"...","text":"aGVsbG8=","password":"..."}`,
		func(b app.Backend, ctx context.Context, p messageIn) (string, error) {
			return b.SignMessage(ctx, p.Purse, p.Address, p.Text, app.Secret(p.Password))
		}}
	verifyMessage = call[messageIn, none]{"notes.verify", "Verifies a signed message (BIP322).",
		`{"chain":"dev","address":"...","text":"aGVsbG8=","signature":"..."}`,
		func(b app.Backend, ctx context.Context, p messageIn) (none, error) {
			return none{}, b.VerifyMessage(ctx, p.Chain, p.Address, p.Text, p.Signature)
		}}
	listChains = call[none, []app.ChainState]{"net.chains", "Returns how far each chain is.", "",
		func(b app.Backend, ctx context.Context, _ none) ([]app.ChainState, error) { return b.ListChains(ctx) }}
	fees = call[chainOnly, app.Fees]{"net.fees", "Returns what transactions pay on a chain.", `{"chain":"dev"}`,
		func(b app.Backend, ctx context.Context, p chainOnly) (app.Fees, error) { return b.Fees(ctx, p.Chain) }}
)

// change is a call that plans something about a pending transaction.
func change(name, text string, do func(app.Backend, context.Context, app.Purse, spv.Hash, int64) (app.Draft, error)) call[txIn, app.Draft] {
	return call[txIn, app.Draft]{name, text, "{" + in + `,"txid":"...","rate":5000}`,
		func(b app.Backend, ctx context.Context, p txIn) (app.Draft, error) {
			return do(b, ctx, p.Purse, p.ID, p.Rate)
		}}
}

// served is a call of whatever types.
type served interface {
	method(b app.Backend) rpc.Method
}

var calls = []served{
	listWallets, createWallet, restoreWallet, watchWallet, addChains, addAccounts, descriptors, setGap, rescan, unlock, lock, changePassword,
	backupWallet, checkBackup, restoreFile, checkWords, balance, balances, history, exportHistory, transaction, accounts, receive, addresses, lookUp,
	listCoins, freeze, tagCoins, tagAddress, neverMerge, rules, draft, bump, cancel, raise, split, sent, send, discard, abandon, parseURI,
	planCombine, runPlan, listPlans, dropPlan, draftPacket, showPacket, signPacket, combinePackets, sendPacket, finishPacket,
	setLabel, exportLabels, importLabels, signMessage, verifyMessage, listChains, fees,
	chainSecurity, alarms, paymentRisks, evidence, balanceEvidence, prove, checkProof,
	pegs, draftDeposit, deposits, claim, takeBack, draftWithdrawal, withdrawals, provePayout, audit, signFunding, sendFunding,
	offerSwap, readOffer, takeSwap, acceptSwap, draftSwap, cancelSwap, moveSwap, learnSecret, listSwaps, restoreSwap,
}
