package p2p

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestEvict: honest guests of each protected kind stay, whatever the rest is.
func TestEvict(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	crowd := func(n int) (all []standing) { // of one network, young and slow
		for i := range n {
			all = append(all, standing{group: 1 << 63, since: ago(time.Duration(i) * time.Second), greeted: true, quick: time.Hour})
		}
		return all
	}
	for name, c := range map[string]struct {
		guests []standing
		want   int
	}{
		"nobody":              {nil, -1},
		"few, all safe":       {crowd(2), -1},
		"the youngest":        {crowd(100), 0},
		"late for its shake":  {append(crowd(100), standing{since: ago(5 * time.Second)}, standing{since: ago(4 * time.Second)}), 100},
		"still shaking hands": {append(crowd(100), standing{group: 3, since: ago(time.Second)}), 0},
		"a lone young one":    {append(crowd(100), standing{group: 1<<63 + 1, since: now, greeted: true}), 0},
	} {
		if got := evict(c.guests, now); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

// TestEvictFlood: guests that are quick, useful, of a network of their own, or old, are
// still there after any number of strangers, which are as quick but younger.
func TestEvictFlood(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	now := time.Unix(1_700_000_000, 0)
	var guests []standing
	honest := map[time.Time]bool{}
	for i := range 30 {
		g := standing{group: random.Uint64(), since: now.Add(time.Duration(i) * time.Second), greeted: true, quick: 50 * time.Millisecond}
		honest[g.since] = true
		guests = append(guests, g)
	}
	now = now.Add(time.Hour)
	for i := range 5000 {
		now = now.Add(time.Second)
		if len(guests) == DefaultInbound {
			out := evict(guests, now)
			if out < 0 {
				t.Fatalf("seed %d: nobody goes", seed)
			}
			if honest[guests[out].since] {
				t.Fatalf("seed %d: an honest one goes after %d strangers", seed, i)
			}
			guests = append(guests[:out], guests[out+1:]...)
		}
		guests = append(guests, standing{group: random.Uint64N(50), since: now, greeted: random.IntN(2) == 0, quick: time.Millisecond, useful: now})
	}
}

func TestUpload(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var none *Upload
	if none.grant(1<<40, now) != 0 {
		t.Error("nothing bounds, and it waits")
	}
	u := NewUpload(1 << 20)
	sent := int64(0)
	for at := now; at.Before(now.Add(time.Minute)); {
		wait := u.grant(100<<10, at)
		at = at.Add(wait)
		sent += 100 << 10
		if wait == 0 && sent > 3<<20 {
			t.Fatalf("no wait after %d bytes", sent)
		}
		if w := u.grant(100, at); w != 0 {
			t.Fatalf("a ping waits %s", w)
		}
	}
	if most := int64(60+3) << 20; sent > most || sent < 58<<20 {
		t.Errorf("%d bytes in a minute, want about %d", sent, 60<<20)
	}
}
