package pow
import "github.com/btcsuite/btcd/chaincfg/chainhash"
func scryptOne(h *[80]byte) (x chainhash.Hash) {return}
func scryptMany(out []chainhash.Hash, headers []*[80]byte) {}
