package app

import (
	"context"
	"time"

	"github.com/layeredpow/lamina/spv/said"
)

// Wallets are the key files of the data folder, and what is done with one as a whole. A
// wallet of this folder is open, with its balances, as long as the program runs; only
// signing wants it unlocked.
type Wallets interface {
	ListWallets(ctx context.Context) ([]Wallet, error)
	// CreateWallet makes a wallet with new words, which are returned this once.
	CreateWallet(ctx context.Context, n NewWallet) (Created, error)
	// RestoreWallet makes a wallet from words that exist. Words that are not right give an
	// error with CodeWords; CheckWords says which.
	RestoreWallet(ctx context.Context, n NewWallet, words, passphrase Secret) (Wallet, error)
	// WatchWallet makes a wallet that cannot sign, of extended public keys or of descriptors
	// of one key (pkh, sh(wpkh), wpkh, tr) or of several (wsh, sh(wsh) or tr with a multisig),
	// all of one chain.
	WatchWallet(ctx context.Context, n NewWallet, keys []string) (Wallet, error)
	// AddChains gives a wallet accounts on further chains.
	AddChains(ctx context.Context, wallet string, password Secret, chains []string) (Wallet, error)
	// AddAccounts gives a wallet count further accounts of every kind on each of its chains, at
	// most 20 in all. What was paid to them is looked for from the wallet's birthday on. A count
	// of 0 adds what restoring wants: accounts until the last of them is not used.
	AddAccounts(ctx context.Context, wallet string, password Secret, count uint32) (Wallet, error)
	// Descriptors returns the wallet's output descriptors on a chain, with checksums. They
	// show its whole history there to whoever has them, and cannot spend.
	Descriptors(ctx context.Context, in Purse) ([]string, error)
	// SetGap sets how many unused addresses are looked for behind the last used one, at
	// least ("scan deeper"): 20 at first, at most 10,000. What it newly covers is scanned.
	SetGap(ctx context.Context, in Purse, gap uint32) error
	// Rescan looks through all blocks from a height on once more.
	Rescan(ctx context.Context, in Purse, from int32) error
}

// Keys are locking, passwords and backups.
type Keys interface {
	// Unlock lets a wallet sign without a password until it was idle for a time (at most a
	// day).
	Unlock(ctx context.Context, wallet string, password Secret, idle time.Duration) (Wallet, error)
	Lock(ctx context.Context, wallet string) error
	ChangePassword(ctx context.Context, wallet string, password, next Secret) error
	// Backup returns what the owner writes down.
	Backup(ctx context.Context, wallet string, password Secret) (Backup, error)
	// CheckBackup tells whether words (and passphrase) are those of the wallet. It needs no
	// password. The backup of the key file on disk is looked at, too.
	CheckBackup(ctx context.Context, wallet string, words, passphrase Secret) (BackupCheck, error)
	// RestoreFile puts the backup in the place of a key file that is damaged or gone
	// (CodeDamaged, Wallet.Trouble); what was there is kept beside it.
	RestoreFile(ctx context.Context, wallet string) (Wallet, error)
	// CheckWords looks at recovery words as they are typed.
	CheckWords(ctx context.Context, words Secret) (WordsCheck, error)
}

// NewWallet says what wallet to make.
type NewWallet struct {
	Name     string   `json:"name"`   // 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.'; not beginning with a point
	Chains   []string `json:"chains"` // at least one; of a watch-only wallet exactly one
	Password Secret   `json:"password"`
	// Birthday: no payment is older. Zero means now for new words, unknown for others.
	Birthday   time.Time `json:"birthday,omitzero"`
	WordCount  int       `json:"word_count,omitempty"` // 12 or 24; 0: 12. New words only
	Passphrase Secret    `json:"passphrase,omitempty"` // BIP39; new words only
	Gap        uint32    `json:"gap,omitempty"`        // 0: 20
	// Accounts is how many accounts there are of every kind (BIP44), numbered from 0; at most 20. 0: one for new words, three
	// for others, so that a wallet that was used elsewhere is found. Not of a watch-only wallet.
	Accounts uint32 `json:"accounts,omitempty"`
}

// Created is a new wallet and its words, to be written down.
type Created struct {
	Wallet Wallet `json:"wallet"`
	Backup Backup `json:"backup"`
}

// Wallet is one key file.
type Wallet struct {
	Name        string    `json:"name"`
	Fingerprint string    `json:"fingerprint"` // of the master key, hexadecimal; empty if watch-only
	Birthday    time.Time `json:"birthday,omitzero"`
	Chains      []string  `json:"chains"`
	WatchOnly   bool      `json:"watch_only"`
	Unlocked    bool      `json:"unlocked"`
	// Verified: a password vouched for the accounts since the program started. Before, who can
	// write the file could have put addresses of his own in.
	Verified bool `json:"verified"`
	// Trouble says why the wallet cannot be used, in words, with what can be done; empty if it can.
	Trouble     string        `json:"trouble,omitempty"`
	TroubleSaid said.Sentence `json:"trouble_said,omitzero"`
}

// Backup is what the owner keeps on paper. Words is empty where the seed does not come from
// words.
type Backup struct {
	Words       Secret    `json:"words"` // parted by spaces
	Birthday    time.Time `json:"birthday,omitzero"`
	Fingerprint string    `json:"fingerprint"`
	Chains      []string  `json:"chains"`
	// Text is all of it in some lines, for a printer or a QR code. It holds the words.
	Text Secret `json:"text"`
}

// BackupCheck says whether a backup would do.
type BackupCheck struct {
	Words bool `json:"words"` // the words and the passphrase are those of the wallet
	// File is empty if the copy of the key file beside it is whole and the same, else what is wrong.
	File string `json:"file,omitempty"`
}

// WordsCheck says what is wrong with recovery words, if anything is. It is for the
// owner's eyes: Suggestions tell about the words.
type WordsCheck struct {
	OK          bool     `json:"ok"`
	Count       int      `json:"count"`
	Problem     string   `json:"problem,omitempty"`     // in words; never holds a word
	Index       int      `json:"index"`                 // of the word that is in no list, from 0; -1: none is to blame
	Suggestions []string `json:"suggestions,omitempty"` // for that word, likeliest first
}
