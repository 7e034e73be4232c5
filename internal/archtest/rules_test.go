package archtest

import "strings"

// module is the import path that all packages of ours begin with.
const module = "github.com/layeredpow/lamina"

// rule is one row of the arrows table in docs/architecture.md.
type rule struct {
	pkg   string   // path below the module; the rule covers everything below it that has no row of its own
	ours  []string // packages of ours that may be imported, with all below them; its own tree always may
	never []string // other import paths that may not be, with all below them
	pure  bool     // no clock either
}

const (
	fyne    = "fyne.io"
	fyneApp = "fyne.io/fyne/v2/app"
	bbolt   = "go.etcd.io/bbolt"
)

// rules is the table; of several rows that cover a package the longest path wins. A package without a row is a violation, so
// that whoever adds one decides what it may know.
var rules = []rule{
	{pkg: "spv", pure: true, never: []string{"os", "net", "log", "crypto/rand", "math/rand", "io/ioutil", "syscall", bbolt, fyne}},
	{pkg: "keystore", never: []string{"net", bbolt, fyne}},
	{pkg: "wallet", pure: true, ours: []string{"spv", "keystore"}, never: []string{"os", "net", bbolt, fyne}},
	{pkg: "internal/store", ours: []string{"spv", "wallet"}, never: []string{fyne}},
	{pkg: "internal/store/boltfile", never: []string{"net", fyne}},
	{pkg: "internal/p2p", ours: []string{"spv", "wallet"}, never: []string{fyne}},
	{pkg: "internal/node", ours: []string{"spv", "internal/store", "internal/p2p", "wallet/settle"}, never: []string{fyne}},
	{pkg: "internal/node/template", pure: true, ours: []string{"spv"}, never: []string{"os", "net", "crypto/rand", "math/rand", bbolt, fyne}},
	{pkg: "internal/node/work", pure: true, ours: []string{"spv", "internal/node/template"},
		never: []string{"os", "net", "crypto/rand", "math/rand", bbolt, fyne}},
	{pkg: "internal/node/mempool", pure: true, ours: []string{"spv", "internal/node/consensus", "internal/node/template"},
		never: []string{"os", "net", "crypto/rand", "math/rand", bbolt, fyne}},
	{pkg: "internal/node/relay", pure: true, ours: []string{"spv", "internal/node/chain", "internal/node/consensus", "internal/node/mempool"},
		never: []string{"os", "net", "crypto/rand", "math/rand", bbolt, fyne}},
	{pkg: "internal/node/settler", pure: true, ours: []string{"spv", "internal/node/chain", "internal/node/consensus"},
		never: []string{"os", "net", "log", "crypto/rand", "math/rand", bbolt, fyne}},
	{pkg: "internal/node/settler/daemon", ours: []string{"spv", "keystore", "internal/node/settler", "internal/store/boltfile"},
		never: []string{"net", fyne}},
	{pkg: "internal/app", never: []string{fyne}, ours: []string{
		"spv", "keystore", "wallet", "assets", "internal/store", "internal/p2p"}}, // not the node: it mines, and the desktop program must not
	{pkg: "internal/rpc", ours: []string{"spv", "wallet", "internal/app", "internal/node"}, never: []string{fyne}},
	{pkg: "internal/simnet", ours: []string{"spv", "wallet", "internal/node"}, never: []string{"net", fyne}},
	{pkg: "internal/realnode", ours: []string{"internal/testdata"}, never: []string{fyne}},
	{pkg: "internal/testdata", never: []string{"net", fyne}},
	{pkg: "internal/testchain", ours: []string{"spv", "assets"}, never: []string{"net", fyne}},
	{pkg: "internal/testkit", never: []string{fyne}},
	{pkg: "internal/archtest", never: []string{"net", fyne}},
	{pkg: "internal/tools", never: []string{"net", fyne}},
	{pkg: "internal/tools/lightclient", ours: []string{"spv", "internal/store", "internal/p2p"}, never: []string{"net", fyne}},
	{pkg: "assets", never: []string{"os", "net", fyne}},
	{pkg: "ui", ours: []string{"internal/app", "wallet", "spv", "assets"}, never: []string{fyneApp}},
	{pkg: "ui/present", ours: []string{"internal/app", "wallet", "spv", "assets"}, never: []string{fyne}},
	{pkg: "cmd/lamina", ours: []string{"spv", "assets", "wallet/address", "internal/app", "internal/rpc", "internal/node"}, never: []string{fyne}},
	{pkg: "cmd/lamina-desktop", ours: []string{"internal/app", "ui", "assets", "spv/chains", "internal/rpc"}}, // of rpc only the client
}

// chainNames may appear, as identifier or in a string, nowhere but in spv/chains: what differs between chains is data.
var chainNames = []string{"bitcoin", "litecoin", "namecoin", "dogecoin"}

const chainData = "spv/chains"

// foreignNodes may name them, too: it starts programs that are called after a chain.
const foreignNodes = "internal/realnode"

// transport names one, too: all networks salt their keys with it (BIP324).
const transport = "internal/p2p/bip324"

// clock lists the functions of package time that read or wait for the clock.
var clock = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true,
	"Tick": true, "NewTicker": true, "NewTimer": true,
}

// within says whether path is prefix or lies below it.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// ruleFor returns the row with the longest path that covers pkg.
func ruleFor(pkg string) (best rule, found bool) {
	for _, r := range rules {
		if within(pkg, r.pkg) && len(r.pkg) > len(best.pkg) {
			best, found = r, true
		}
	}
	return best, found
}
