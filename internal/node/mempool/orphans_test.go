package mempool

import (
	"testing"
	"time"
)

// TestOrphanPaysForParent: the child comes first, then the parent that pays nothing.
func TestOrphanPaysForParent(t *testing.T) {
	w := newWorld(t, "dev", nil)
	parent := w.pay(0)
	kid := w.child(parent, 1000)
	grandkid := w.child(kid, 1000)
	w.must(Orphan, grandkid)
	r := w.must(Orphan, kid)
	if len(r.Missing) != 1 || r.Missing[0] != parent.TxHash() {
		t.Fatalf("%+v", r)
	}
	if r = w.must(Accepted, parent); len(r.Accepted) != 3 {
		t.Fatalf("%+v", r)
	}
	w.holds(true, parent, kid, grandkid)
	if s := w.pool.Stats(w.now); s.Orphans != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestOrphansBounded(t *testing.T) {
	w := newWorld(t, "dev", nil)
	hidden := w.pay(1000)
	kid := w.child(hidden, 1000)
	w.must(Orphan, kid) // from 1
	for i := range 1000 {
		fake := w.pay(1000)
		fake.LockTime = uint32(i)
		if _, err := w.add(w.child(fake, 1000), 2); err != nil {
			t.Fatal(err)
		}
	}
	if s := w.pool.Stats(w.now); s.Orphans > maxOrphans || w.pool.orphans.size > orphanBytes {
		t.Fatalf("%+v", s)
	}
	if r := w.must(Accepted, hidden); len(r.Accepted) != 2 {
		t.Fatal("one source pushed out another's orphan")
	}
	w.pool.Forget(2)
	if s := w.pool.Stats(w.now); s.Orphans != 0 {
		t.Fatalf("%+v", s)
	}
	w.must(Orphan, w.child(w.pay(1), 1000))
	w.pool.Tick(w.now.Add(orphanExpiry + time.Second))
	if s := w.pool.Stats(w.now); s.Orphans != 0 {
		t.Fatalf("%+v", s)
	}
	if r, err := w.pool.Add(w.now, w.child(w.pay(1), 1000), 0); err != nil || r.Status != Orphan || w.pool.Stats(w.now).Orphans != 0 {
		t.Fatalf("our own are not kept: %+v, %v", r, err)
	}
}
