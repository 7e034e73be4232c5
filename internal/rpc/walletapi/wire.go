package walletapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
)

// plain is a secret in a request or an answer, where alone it is written as the text that it is. It prints as a placeholder.
type plain []byte

const hidden = "(secret)"

// String, GoString and Format give the placeholder.
func (plain) String() string             { return hidden }
func (plain) GoString() string           { return hidden }
func (plain) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }
func (p plain) MarshalJSON() ([]byte, error) {
	if !utf8.Valid(p) {
		return nil, errors.New("secret: want UTF-8 text")
	}
	return json.Marshal(string(p))
}

// UnmarshalJSON takes a string. Its error does not repeat what came.
func (p *plain) UnmarshalJSON(raw []byte) error {
	var text *string
	if json.Unmarshal(raw, &text) != nil {
		return errors.New("secret: want a string")
	}
	if *p = nil; text != nil {
		*p = plain(*text)
	}
	return nil
}

// The facade's types with their secrets as text. An outer field hides the inner one of the same name.
type (
	newWallet struct {
		app.NewWallet
		Password   plain    `json:"password,omitempty"`
		Passphrase plain    `json:"passphrase,omitempty"`
		Words      plain    `json:"words,omitempty"` // of wallet.restore
		Keys       []string `json:"keys,omitempty"`  // of wallet.watch
	}
	backup struct {
		app.Backup
		Words plain `json:"words"`
		Text  plain `json:"text"`
	}
	created struct {
		Wallet app.Wallet `json:"wallet"`
		Backup backup     `json:"backup"`
	}
	sendRequest struct {
		app.SendRequest
		Password plain `json:"password,omitempty"`
	}
)

func (n *newWallet) open() app.NewWallet {
	out := n.NewWallet
	out.Password, out.Passphrase = app.Secret(n.Password), app.Secret(n.Passphrase)
	return out
}

func sealed(n app.NewWallet) newWallet {
	return newWallet{NewWallet: n, Password: plain(n.Password), Passphrase: plain(n.Passphrase)}
}

func backupOf(b app.Backup) backup { return backup{b, plain(b.Words), plain(b.Text)} }

func (b *backup) open() app.Backup {
	out := b.Backup
	out.Words, out.Text = app.Secret(b.Words), app.Secret(b.Text)
	return out
}

// Requests of more than one argument.
type (
	secretFor struct {
		Wallet     string   `json:"wallet,omitempty"`
		Password   plain    `json:"password,omitempty"`
		Next       plain    `json:"next,omitempty"`
		Words      plain    `json:"words,omitempty"`
		Passphrase plain    `json:"passphrase,omitempty"`
		Seconds    int64    `json:"seconds,omitempty"`
		Chains     []string `json:"chains,omitempty"`
		Count      uint32   `json:"count,omitempty"`
	}
	numberIn struct {
		app.Purse
		Number int64 `json:"number"`
	}
	historyIn struct {
		app.Purse
		app.HistoryQuery
	}
	txIn struct {
		app.Purse
		ID   spv.Hash `json:"txid"`
		Rate int64    `json:"rate,omitempty"`
	}
	sentIn struct {
		app.Purse
		Key string `json:"key"`
		app.Asked
	}
	receiveIn struct {
		app.Purse
		app.ReceiveRequest
	}
	filterIn struct {
		app.Purse
		app.CoinFilter
	}
	coinsIn struct {
		app.Purse
		Outpoints []string `json:"outpoints"`
		Frozen    bool     `json:"frozen,omitempty"`
		Tags      []string `json:"tags,omitempty"`
	}
	addressIn struct {
		app.Purse
		Address string   `json:"address"`
		Tags    []string `json:"tags,omitempty"`
	}
	ruleIn struct {
		app.Purse
		A     string `json:"a"`
		B     string `json:"b"`
		Never bool   `json:"never"`
	}
	paymentIn struct {
		app.Purse
		app.Payment
	}
	splitIn struct {
		app.Purse
		app.SplitRequest
	}
	combineIn struct {
		app.Purse
		app.CombineRequest
	}
	planIn struct {
		app.Purse
		Plan     string   `json:"plan"`
		Password plain    `json:"password,omitempty"`
		Consent  []string `json:"consent,omitempty"`
	}
	packetIn struct {
		app.Purse
		Packet   string   `json:"psbt,omitempty"`
		Packets  []string `json:"psbts,omitempty"`
		Password plain    `json:"password,omitempty"`
	}
	labelIn struct {
		app.Purse
		Kind string `json:"kind"`
		Ref  string `json:"ref"`
		Text string `json:"text"`
	}
	fileIn struct {
		app.Purse
		File string `json:"file"`
	}
	messageIn struct {
		app.Purse
		Address   string `json:"address"`
		Text      []byte `json:"text"` // base64: a message is bytes
		Password  plain  `json:"password,omitempty"`
		Signature string `json:"signature,omitempty"`
	}
	textOn struct {
		Chain string `json:"chain"`
		Text  string `json:"text"`
	}
	chainOnly struct {
		Chain string `json:"chain"`
	}
	walletOnly struct {
		Wallet string `json:"wallet"`
	}
	draftOnly struct {
		Draft string `json:"draft"`
	}
	none struct{}
)
