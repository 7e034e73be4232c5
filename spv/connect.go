package spv

import "fmt"

// Connect judges a run of headers, each of which builds on a block in the tree or on the
// one before it in the run, and adds those that pass every rule. Headers that the tree
// has already are passed over. It stops at the first bad one with a *HeaderError; those
// before it stay. Now is the clock in seconds since 1970, 0 to leave it out.
func (t *Tree) Connect(run []Sealed, now uint32) (Change, error) {
	oldTip := t.nodes[t.tip].height
	fork := oldTip
	t.proofs.begin(len(t.nodes))
	var err error
	for len(run) > 0 && err == nil {
		n := min(len(run), stretch)
		err = t.connectStretch(run[:n], now, &fork)
		run = run[n:]
	}
	change := t.changeFrom(fork, int(oldTip-fork))
	if t.rules.AuxPoW != nil {
		t.keepProofs()
	}
	t.prune()
	return change, err
}

// changeFrom tells how the best chain has moved, given how far it stayed as it was.
func (t *Tree) changeFrom(fork int32, undo int) Change {
	change := Change{Undo: undo, Tip: t.Tip()}
	moved := t.best[fork-t.base+1:]
	if len(moved) == 0 {
		return change
	}
	change.Headers = make([]Header, len(moved))
	for i, n := range moved {
		change.Headers[i] = t.nodes[n].header
	}
	if t.rules.AuxPoW != nil {
		change.Proofs = make([]*AuxPoW, len(moved))
		for i, n := range moved {
			change.Proofs[i] = t.proofOf(n)
		}
	}
	return change
}

func (t *Tree) connectStretch(run []Sealed, now uint32, fork *int32) error {
	t.batch.hashIDs(run)
	linked := t.linked(run)
	t.batch.hashWorks(run[:linked], t.rules.Work)
	last := int32(-1) // node of the header before
	fresh := false    // it was added just now, so that nothing here can build on it yet
	for i := range run[:linked] {
		id := &t.batch.ids[i]
		prev := run[i].Header.Prev()
		if !fresh || t.batch.ids[i-1] != prev {
			if known, ok := t.find(id); ok {
				last, fresh = known, false
				continue
			}
			if last < 0 || t.nodes[last].id != prev {
				last, _ = t.find(&prev)
			}
		}
		skip := len(t.batch.skip) > 0 && t.batch.skip[i]
		node, err := t.admit(&run[i], id, &t.batch.works[i], last, now, skip)
		if err != nil {
			return &HeaderError{Block: Block{Height: t.nodes[last].height + 1, Hash: *id}, Err: err}
		}
		last, fresh = node, true
		*fork = min(*fork, t.consider(node))
	}
	if linked < len(run) {
		return &HeaderError{Block: Block{Height: -1, Hash: t.batch.ids[linked]}, Err: ErrUnknownParent}
	}
	return nil
}

// linked returns how many headers of the run build on a known block or on the header
// before them, and notes whose proofs are to be passed over. It keeps us from computing
// work hashes for what leads nowhere, or that nobody looks at.
func (t *Tree) linked(run []Sealed) int {
	t.batch.skip = t.batch.skip[:0]
	height := int32(0)
	for i := range run {
		prev := run[i].Header.Prev()
		if i > 0 && t.batch.ids[i-1] == prev {
			height++
		} else if n, ok := t.find(&prev); ok {
			height = t.nodes[n].height + 1
		} else if n, ok := t.find(&t.batch.ids[i]); ok { // genesis and the window's edge have no parent here
			height = t.nodes[n].height
		} else {
			return i
		}
		if t.VerifyProof != nil {
			t.batch.skip = append(t.batch.skip, run[i].Aux != nil && !t.VerifyProof(height))
		}
	}
	return len(run)
}

// admit judges one header whose parent is a node of the tree and adds it. Skip passes its
// proof over.
func (t *Tree) admit(s *Sealed, id, work *Hash, parent int32, now uint32, skip bool) (int32, error) {
	height := t.nodes[parent].height + 1
	deepest := t.nodes[t.tip].height - t.rules.ReorgLimit
	if height <= deepest {
		return 0, &CheckError{Name: CheckReorgLimit, Got: fmt.Sprintf("a branch at height %d", height),
			Want: fmt.Sprintf("at most %d blocks below the tip at %d", t.rules.ReorgLimit, t.nodes[t.tip].height)}
	}
	t.cursor.at = parent
	if err := t.rules.CheckContext(&t.cursor, height, &s.Header, now, nil); err != nil {
		return 0, err
	}
	t.expand(s.Header.Bits())
	var err error
	if skip {
		err = t.checkPromise(s, height)
	} else {
		err = t.checkWork(s, height, work)
	}
	if err != nil {
		return 0, err
	}
	n := t.add(id, &s.Header, height, parent)
	n.work.Add(&t.nodes[parent].work, &t.target.work)
	if t.rules.AuxPoW != nil {
		t.proofs.added = append(t.proofs.added, s.Aux)
	}
	return int32(len(t.nodes) - 1), nil
}

// checkWork judges a header's own work or, with a proof, that proof and its place over the
// parent chain.
func (t *Tree) checkWork(s *Sealed, height int32, work *Hash) error {
	if err := t.rules.checkWork(s, height, work, &t.target.target, t.target.ok, nil); err != nil {
		return err
	}
	if t.parent != nil && s.Aux != nil && t.rules.AuxPoW.Layer {
		return CheckParent(s, t.parent, nil)
	}
	return nil
}

// checkPromise judges what can be said of a header without looking at its proof.
func (t *Tree) checkPromise(s *Sealed, height int32) error {
	if !t.target.ok || t.target.target.Gt(&t.rules.PowLimit) {
		return &CheckError{Name: CheckTarget, Want: "a positive target, at most " + targetText(&t.rules.PowLimit),
			Got: fmt.Sprintf("bits %08x", s.Header.Bits())}
	}
	return t.rules.checkVersion(s, height, nil)
}

// consider makes a new node the tip if its branch has more work, and returns the height
// up to which the best chain stayed as it was.
func (t *Tree) consider(i int32) int32 {
	n := &t.nodes[i]
	stay := t.nodes[t.tip].height
	if !n.work.Gt(&t.nodes[t.tip].work) {
		return stay
	}
	if n.prev == t.tip {
		t.best = append(t.best, i)
		t.tip = i
		return stay
	}
	// Walk down to the fork, then put the branch in the place of what was above it.
	at := i
	for {
		b, ok := t.bestAt(t.nodes[at].height)
		if ok && b == at {
			break
		}
		at = t.nodes[at].prev
	}
	stay = t.nodes[at].height
	t.best = t.best[:stay-t.base+1]
	t.best = append(t.best, make([]int32, n.height-stay)...)
	for at = i; t.nodes[at].height > stay; at = t.nodes[at].prev {
		t.best[t.nodes[at].height-t.base] = at
	}
	t.tip = i
	return stay
}

// slack is how many windows of nodes may gather before prune drops all but one.
const slack = 3

// prune forgets what lies below the window. It runs rarely, and then drops most of what
// is held, so that its cost a header is small and constant.
func (t *Tree) prune() {
	if len(t.nodes) <= slack*int(t.window)+stretch {
		return
	}
	lowest := t.nodes[t.tip].height - t.window
	if lowest <= t.base {
		return
	}
	moved := make([]int32, len(t.nodes))
	kept := t.nodes[:0]
	for i := range t.nodes {
		n := t.nodes[i]
		moved[i] = -1
		if int32(i) == t.best[lowest-t.base] {
			n.prev = -1
		} else if n.height <= lowest || moved[n.prev] < 0 {
			continue // below the window, or on a branch that forks below it
		} else {
			n.prev = moved[n.prev]
		}
		moved[i] = int32(len(kept))
		kept = append(kept, n)
	}
	t.nodes = kept
	t.best = append(t.best[:0], t.best[lowest-t.base:]...)
	for i := range t.best {
		t.best[i] = moved[t.best[i]]
	}
	t.base = lowest
	t.tip = moved[t.tip]
	t.median.valid = false
	t.index.rebuild(t.nodes)
}
