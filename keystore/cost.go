package keystore

import (
	"fmt"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

const (
	mebibyte = 1 << 10 // in KiB, as argon2 counts

	leastMemory  = 64 * mebibyte   // of a file that we write
	normalMemory = 256 * mebibyte  // calibration takes more passes before more memory than this
	mostMemory   = 1024 * mebibyte // of a file that we open
	mostWork     = 16 * 1024 * mebibyte
	mostLanes    = 16
	mostPasses   = 1 << 10
)

// Cost is what unlocking takes, and so what every guess at the password takes: argon2id's parameters (RFC 9106).
type Cost struct {
	Memory uint32 // KiB; at least 65,536 in files that are made here, at most 1,048,576 in any
	Passes uint32 // over the memory; memory times passes is at most 16 GiB
	Lanes  uint8  // 1 to 16
}

// LeastCost is RFC 9106's second recommendation, and the least that a file is made with.
var LeastCost = Cost{Memory: leastMemory, Passes: 3, Lanes: 4}

// Calibrate returns the cost that takes about target on this machine, at least LeastCost. It measures with now, and
// takes about twice the target itself.
func Calibrate(target time.Duration, now func() time.Time) Cost {
	return calibrate(target, func(c Cost) time.Duration {
		start := now()
		stretch([]byte("measure"), make([]byte, saltSize), c)
		return now().Sub(start)
	})
}

// calibrate doubles the memory, then adds passes, as long as the time should stay within target.
func calibrate(target time.Duration, measure func(Cost) time.Duration) Cost {
	cost := LeastCost
	took := measure(cost)
	for cost.Memory < normalMemory && took*2 <= target {
		cost.Memory *= 2
		took = measure(cost)
	}
	if took > 0 {
		passes := int64(cost.Passes) * int64(target) / int64(took)
		cost.Passes = uint32(max(int64(cost.Passes), min(passes, int64(mostWork/cost.Memory))))
	}
	return cost
}

// check holds the parameters of a foreign file against what this machine can be asked for.
func (c Cost) check() error {
	switch {
	case c.Lanes == 0 || c.Lanes > mostLanes:
		return fmt.Errorf("argon2id: %d lanes: want 1 to %d", c.Lanes, mostLanes)
	case c.Memory < 8*uint32(c.Lanes) || c.Memory > mostMemory:
		return fmt.Errorf("argon2id: %d KiB of memory: want %d to %d", c.Memory, 8*uint32(c.Lanes), mostMemory)
	case c.Passes == 0 || c.Passes > mostPasses || uint64(c.Passes)*uint64(c.Memory) > mostWork:
		return fmt.Errorf("argon2id: %d passes over %d KiB: more than %d KiB in all, or none", c.Passes, c.Memory, mostWork)
	}
	return nil
}

// checkNew holds the parameters of a file that is to be made against LeastCost.
func (c Cost) checkNew() error {
	if c.Memory < leastMemory {
		return fmt.Errorf("argon2id: %d KiB of memory: below the least of %d", c.Memory, leastMemory)
	}
	return c.check()
}

// stretch turns a password into the file's two keys: for the secrets and for the profile. Passwords are decomposed
// first, since keyboards differ in how they compose the same letter.
func stretch(password, salt []byte, c Cost) *fileKeys {
	normal := norm.NFKD.Append(nil, password...) // a copy in any case: the caller's password stays
	defer clear(normal)
	out := argon2.IDKey(normal, salt, c.Passes, c.Memory, c.Lanes, 64)
	defer clear(out)
	return &fileKeys{secrets: [32]byte(out[:32]), profile: [32]byte(out[32:])}
}

type fileKeys struct{ secrets, profile [32]byte }

func (k *fileKeys) wipe() { clear(k.secrets[:]); clear(k.profile[:]) }
