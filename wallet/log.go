package wallet

import (
	"maps"
	"slices"
	"strings"
)

// Record is one entry of a Log. A nil Value removes the key.
type Record struct{ Key, Value []byte }

// Log keeps the wallet's records. Write is atomic and durable: when it returns nil all
// records are on disk, else none is. Load calls back once for each key there is, in any
// order; key and value are valid during the call.
type Log interface {
	Load(func(key, value []byte) error) error
	Write([]Record) error
}

// Memory is a Log that forgets when the program ends. The zero value is empty.
type Memory struct{ m map[string][]byte }

// Load calls back for each record, in the order of keys, and stops at the first error.
func (l *Memory) Load(f func(key, value []byte) error) error {
	for _, k := range slices.SortedFunc(maps.Keys(l.m), strings.Compare) {
		if err := f([]byte(k), l.m[k]); err != nil {
			return err
		}
	}
	return nil
}

// Write puts and removes records. It cannot fail.
func (l *Memory) Write(records []Record) error {
	if l.m == nil {
		l.m = map[string][]byte{}
	}
	for _, r := range records {
		if r.Value == nil {
			delete(l.m, string(r.Key))
		} else {
			l.m[string(r.Key)] = slices.Clone(r.Value)
		}
	}
	return nil
}

// The first byte of a record's key says what it is.
const (
	keyCursor   = 'c' // block up to which the chain was scanned
	keyTx       = 't' // transaction by id
	keyKeychain = 'k' // addresses given out of one keychain
	keyGap      = 'g' // least gap limit
	keyLabel    = 'l' // label by kind and reference
	keyFrozen   = 'f' // frozen coin by outpoint
	keyTag      = 'a' // tags by reference
	keyRule     = 'r' // two tags that never meet
	keyPlan     = 'p' // plan of transactions under way
)
