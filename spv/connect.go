package spv

import "fmt"

// Connect judges a run of headers, each of which builds on a block in the tree or on the
// one before it in the run, and adds those that pass every rule. Headers that the tree
// has already are passed over. It stops at the first bad one with a *HeaderError; those
// before it stay. Now is the clock in seconds since 1970, 0 to leave it out.
func (t *Tree) Connect(run []Sealed, now uint32) (Change, error) {
	oldTip := t.nodes.at(t.tip).height
	fork := oldTip
	t.proofs.begin(t.nodes.end)
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
	t.thin()
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
		change.Headers[i] = t.nodes.at(n).header
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
	if t.rules.AuxPoW != nil {
		t.batch.hashRoots(run[:linked])
	}
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
			if last < 0 || t.nodes.at(last).id != prev {
				last, _ = t.find(&prev)
			}
		}
		node, err := t.admit(&run[i], i, last, now)
		if err != nil {
			return &HeaderError{Block: Block{Height: t.nodes.at(last).height + 1, Hash: *id}, Err: err}
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
			height = t.nodes.at(n).height + 1
		} else if n, ok := t.find(&t.batch.ids[i]); ok { // genesis and the window's edge have no parent here
			height = t.nodes.at(n).height
		} else {
			return i
		}
		if t.VerifyProof != nil {
			t.batch.skip = append(t.batch.skip, run[i].Aux != nil && !t.VerifyProof(height))
		}
	}
	return len(run)
}

// admit judges one header, at a place in the batch, whose parent is a node of the tree, and
// adds it.
func (t *Tree) admit(s *Sealed, at int, parent int32, now uint32) (int32, error) {
	height := t.nodes.at(parent).height + 1
	deepest := t.nodes.at(t.tip).height - t.rules.ReorgLimit
	if height <= deepest {
		return 0, &CheckError{Name: CheckReorgLimit, Got: fmt.Sprintf("a branch at height %d", height),
			Want: fmt.Sprintf("at most %d blocks below the tip at %d", t.rules.ReorgLimit, t.nodes.at(t.tip).height)}
	}
	t.cursor.on(parent)
	if err := t.rules.CheckContext(&t.cursor, height, &s.Header, now, nil); err != nil {
		return 0, err
	}
	t.expand(s.Header.Bits())
	var err error
	if len(t.batch.skip) > 0 && t.batch.skip[at] {
		err = t.checkPromise(s, height)
	} else {
		err = t.checkWork(s, height, at)
	}
	if err != nil {
		return 0, err
	}
	i, n := t.add(&t.batch.ids[at], &s.Header, height, parent)
	n.work.Add(&t.nodes.at(parent).work, &t.target.work)
	if t.rules.AuxPoW != nil {
		t.proofs.added = append(t.proofs.added, s.Aux)
	}
	return i, nil
}

// checkWork judges the work of a header at a place in the batch: its own or, with a proof,
// that proof and its place over the parent chain.
func (t *Tree) checkWork(s *Sealed, height int32, at int) error {
	var roots *proofRoots
	if s.Aux != nil && t.rules.AuxPoW != nil {
		roots = &t.batch.proofs.roots[at]
	}
	if err := t.rules.checkWork(s, height, &t.batch.works[at], roots, &t.target.target, t.target.ok, nil); err != nil {
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
	n := t.nodes.at(i)
	stay := t.nodes.at(t.tip).height
	if !n.work.Gt(&t.nodes.at(t.tip).work) {
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
		b, ok := t.bestAt(t.nodes.at(at).height)
		if ok && b == at {
			break
		}
		at = t.nodes.at(at).prev
	}
	stay = t.nodes.at(at).height
	t.best = t.best[:stay-t.base+1]
	t.best = append(t.best, make([]int32, n.height-stay)...)
	for at = i; t.nodes.at(at).height > stay; at = t.nodes.at(at).prev {
		t.best[t.nodes.at(at).height-t.base] = at
	}
	t.tip = i
	return stay
}

// prune forgets what lies below the window, and branches that fork there. It waits until
// that is a chunk of nodes or more, so that what is there to do comes in bulk.
func (t *Tree) prune() {
	lowest := t.nodes.at(t.tip).height - t.window
	if lowest < t.base+nodesPerChunk {
		return
	}
	root := t.best[lowest-t.base]
	t.nodes.forgetBelow(root) // what has a lower number cannot build on it
	t.nodes.at(root).prev = -1
	t.best = append(t.best[:0], t.best[lowest-t.base:]...)
	t.base = lowest
	t.median.valid = false
	if t.nodes.count() == len(t.best) {
		return
	}
	for i := root + 1; i < t.nodes.end; i++ {
		if p := t.nodes.at(i).prev; p < root || t.nodes.at(p).height == gone {
			t.nodes.forget(i)
		}
	}
}
