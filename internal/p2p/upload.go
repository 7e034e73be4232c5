package p2p

import (
	"sync/atomic"
	"time"
)

const (
	// uploadBurst is how long the line may have been idle to our credit.
	uploadBurst = 2 * time.Second
	// uploadFree is the length, in bytes, of messages that do not wait: signs of life and
	// announcements. They count.
	uploadFree = 2 << 10
)

// Upload bounds what is sent, in bytes per second, over all loops that share it. A nil
// Upload bounds nothing.
type Upload struct {
	rate int64
	free atomic.Int64 // when all that was granted will have left, nanoseconds since 1970
}

// NewUpload returns a bound of a number of bytes per second, at least 1.
func NewUpload(rate int64) *Upload { return &Upload{rate: max(rate, 1)} }

// grant books n bytes and returns how long to wait before sending them.
func (u *Upload) grant(n int64, now time.Time) time.Duration {
	if u == nil {
		return 0
	}
	for {
		free := u.free.Load()
		from := max(free, now.Add(-uploadBurst).UnixNano())
		if u.free.CompareAndSwap(free, from+n*int64(time.Second)/u.rate) {
			if n <= uploadFree {
				return 0
			}
			return max(0, time.Duration(from-now.UnixNano()))
		}
	}
}
