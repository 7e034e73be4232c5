// Package store keeps what must survive on disk: one bbolt database for what is small
// and changes together, wallets' records included, and flat files for each chain's
// headers, proofs and filters. It survives kill -9 at any write: the database is the
// truth and never names what is not in the files. It knows nothing of keys, does not
// look into a wallet's records, and decides nothing about chains.
package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/store/boltfile"
)

const (
	databaseName = "lamina.db"
	pidName      = "lamina.pid"
	// lockWait is how long another process may take to let go of the database.
	lockWait = 200 * time.Millisecond
)

var (
	metaBucket    = []byte("meta")
	chainsBucket  = []byte("chains")
	walletsBucket = []byte("wallets") // a bucket for each wallet's chain, by walletKey
	versionKey    = []byte("version")
)

// migrations lead from one version of the database to the next; the version is how many
// have run. Never change one that has shipped.
var migrations = []func(tx *bolt.Tx) error{
	func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(chainsBucket)
		return err
	},
	func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(walletsBucket)
		return err
	},
}

// Store is an open data folder. It is owned by one process at a time.
type Store struct {
	dir    string
	db     *database
	chains map[string]*Chain
}

// OpenError says why a data folder cannot be opened.
type OpenError struct {
	Dir  string
	Err  error
	Hint string // what the user can do
}

// Error names the folder and the reason.
func (e *OpenError) Error() string { return fmt.Sprintf("data folder %s: %v", e.Dir, e.Err) }

// Unwrap returns the reason.
func (e *OpenError) Unwrap() error { return e.Err }

// ErrInUse: another process has the data folder open.
var ErrInUse = errors.New("already open")

// Open opens a data folder, made if it is not there, for this process alone. Errors are
// *OpenError; one that wraps ErrInUse names the process that has it.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &OpenError{Dir: dir, Err: err, Hint: "choose a folder that you may write to"}
	}
	file, err := boltfile.Open(filepath.Join(dir, databaseName), damagedHint,
		bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType})
	if errors.Is(err, boltfile.ErrInUse) {
		return nil, &OpenError{Dir: dir, Err: inUse(dir), Hint: "use the running program, or stop it first"}
	}
	if damage := (*OpenError)(nil); errors.As(named(err), &damage) {
		return nil, damage
	}
	if err != nil {
		return nil, &OpenError{Dir: dir, Err: fmt.Errorf("%s: %w", databaseName, err), Hint: "choose a folder that you may write to"}
	}
	db := &database{file.DB}
	if err := migrate(file.DB); err != nil {
		if damage := (*OpenError)(nil); errors.As(err, &damage) {
			return nil, errors.Join(damage, db.Close())
		}
		return nil, &OpenError{Dir: dir, Err: errors.Join(err, db.Close()), Hint: "use the program version that wrote it, or a newer one"}
	}
	// Only advice for the error message above; the lock is the database's own.
	_ = os.WriteFile(filepath.Join(dir, pidName), []byte(strconv.Itoa(os.Getpid())), 0o600)
	return &Store{dir: dir, db: db, chains: map[string]*Chain{}}, nil
}

func inUse(dir string) error {
	pid, err := os.ReadFile(filepath.Join(dir, pidName))
	if err != nil {
		return ErrInUse
	}
	return fmt.Errorf("%w by process %s", ErrInUse, strings.TrimSpace(string(pid)))
}

func migrate(db *bolt.DB) error {
	return (&database{db}).Update(func(tx *bolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists(metaBucket)
		if err != nil {
			return err
		}
		version := 0
		if v := meta.Get(versionKey); len(v) == 4 {
			version = int(binary.BigEndian.Uint32(v))
		}
		if version > len(migrations) {
			return fmt.Errorf("written by a newer version (%d, this one knows %d)", version, len(migrations))
		}
		for _, step := range migrations[version:] {
			if err := step(tx); err != nil {
				return err
			}
		}
		return meta.Put(versionKey, binary.BigEndian.AppendUint32(nil, uint32(len(migrations))))
	})
}

// Close lets go of the data folder.
func (s *Store) Close() error {
	var errs []error
	for _, c := range s.chains {
		errs = append(errs, c.close())
	}
	_ = os.Remove(filepath.Join(s.dir, pidName))
	return errors.Join(append(errs, s.db.Close())...)
}
