package settler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/wire"
	"github.com/tyler-smith/go-bip39"

	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/internal/node/settler/daemon"
	"github.com/layeredpow/lamina/internal/testchain"
	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/risk"
	"github.com/layeredpow/lamina/spv/syncer"
)

// patience is how long anything here may take.
const patience = 3 * time.Minute

const someWords = "legal winner thank year wave sausage worth useful legal winner thank yellow"

// TestKeyFile: a sealed key is the one that other software derives from the words, it signs
// batches, it is shown to nobody, and it opens to its password alone.
func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settler.key")
	shown := ""
	public, err := daemon.NewKeyFile(path, []byte("secret"), []byte(someWords), func(w []byte) error { shown = string(w); return nil })
	check(t, err)
	key, err := hdkeychain.NewMaster(bip39.NewSeed(someWords, ""), &chaincfg.MainNetParams)
	check(t, err)
	for _, step := range []uint32{0x4c505354, 0} {
		key, err = key.Derive(hdkeychain.HardenedKeyStart + step)
		check(t, err)
	}
	want, err := key.ECPubKey()
	check(t, err)
	if !bytes.Equal(public[:], schnorr.SerializePubKey(want)) || shown != someWords {
		t.Fatalf("public key %x, words %q", public, shown)
	}
	raw, err := os.ReadFile(path)
	check(t, err)
	if bytes.Contains(raw, []byte("legal")) {
		t.Error("the words lie in clear")
	}
	f, err := daemon.OpenKeyFile(path)
	check(t, err)
	if f.Public() != public {
		t.Errorf("public key %x, want %x", f.Public(), public)
	}
	if _, err := f.Unlock([]byte("wrong")); !errors.Is(err, keystore.ErrPassword) {
		t.Errorf("another password: %v", err)
	}
	k, err := f.Unlock([]byte("secret"))
	check(t, err)
	text, err := json.Marshal(k)
	check(t, err)
	if printed := string(text) + fmt.Sprintf("%v %+v %#v %s", k, k, k, k); strings.Count(printed, "[settler key]") != 5 {
		t.Errorf("printed %s", printed)
	}
	p, l1 := testchain.Easy(t, "dev-native"), testchain.Easy(t, "dev")
	p.Settlers = []chains.Settlers{{To: 1 << 30, K: 2, KR: 1, Keys: [][32]byte{keyFile(t, 5).Keys()[0], public}}}
	b, _, err := peg.Derive(p, l1, largeState(p, 3, 2))
	check(t, err)
	hashes, err := b.SigHashes()
	check(t, err)
	sigs, err := k.Sign(t.Context(), &settler.Sign{Batch: b, Hashes: hashes})
	check(t, err)
	for i := range hashes {
		if err := b.Spends[i].CheckSignature(1, hashes[i], sigs[i][1]); err != nil || len(sigs[i]) != 1 {
			t.Errorf("input %d: %d signatures, %v", i, len(sigs[i]), err)
		}
	}
	k.Wipe()
	if _, err := k.Sign(t.Context(), &settler.Sign{Batch: b, Hashes: hashes}); err == nil {
		t.Error("a wiped key signs")
	}
	if _, err := daemon.NewKeyFile(path, []byte("x"), nil, func([]byte) error { return nil }); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file that is there: %v", err)
	}
	other := filepath.Join(t.TempDir(), "other")
	if _, err := daemon.NewKeyFile(other, []byte("x"), nil, func([]byte) error { return io.ErrShortWrite }); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("words that nobody saw: %v", err)
	}
	if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key without its words: %v", err)
	}
	check(t, os.WriteFile(other, []byte("no key file at all"), 0o600))
	if _, err := daemon.OpenKeyFile(other); err == nil {
		t.Error("anything is a key file")
	}
}

// TestFolder: a packet goes out and comes back by files; what lay there before is not taken
// for an answer, what is too large is refused, and nothing is left behind.
func TestFolder(t *testing.T) {
	_, _, s := thieves(t)
	dir := t.TempDir()
	ask, answer := filepath.Join(dir, daemon.PacketName), filepath.Join(dir, daemon.SignedName)
	empty := func() {
		t.Helper()
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
	key := keyFile(t, 3)
	remote := &daemon.Remote{Public: key.Keys(), Ask: daemon.Folder(dir).Ask}
	signed := func(sign func(packet []byte) []byte) ([]peg.Signatures, error) {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), patience)
		defer stop()
		served := answered(ctx, ask, answer, sign)
		sigs, err := remote.Sign(ctx, s)
		stop()
		check(t, <-served)
		return sigs, err
	}
	check(t, os.WriteFile(answer, []byte("of yesterday"), 0o600))
	sigs, err := signed(func(packet []byte) []byte { return elsewhere(t, packet, 3) })
	check(t, err)
	for i := range s.Hashes {
		if err := s.Batch.Spends[i].CheckSignature(2, s.Hashes[i], sigs[i][2]); err != nil {
			t.Error(err)
		}
	}
	empty()
	if _, err := signed(func([]byte) []byte { return make([]byte, settler.MaxPacket+1) }); err == nil {
		t.Error("a packet that is too large is taken")
	}
	check(t, os.Remove(answer))
	empty()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := remote.Sign(ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	empty()
	remote.Ask = daemon.Folder(filepath.Join(dir, "none")).Ask
	if _, err := remote.Sign(t.Context(), s); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

// answered waits for a question and answers it as a signer elsewhere does.
func answered(ctx context.Context, ask, answer string, sign func([]byte) []byte) <-chan error {
	done := make(chan error, 1)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			if packet, err := os.ReadFile(ask); err == nil {
				done <- errors.Join(os.WriteFile(answer+".new", sign(packet), 0o600), os.Rename(answer+".new", answer))
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				done <- nil
				return
			}
		}
	}()
	return done
}

// slow is a signer that never answers for the first attempt, and cannot sign the second.
type slow struct {
	*daemon.Key
	asked chan int
}

func (s *slow) Sign(ctx context.Context, out *settler.Sign) ([]peg.Signatures, error) {
	select {
	case s.asked <- out.Batch.Attempt:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if out.Batch.Attempt == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, errors.New("the box is locked")
}

// TestSignerGivesUp: a signer that still works on an attempt that is over does not keep the
// next one from being asked for; that it cannot sign is told as a refusal.
func TestSignerGivesUp(t *testing.T) {
	w, _, coin := funded(t, "dev-native")
	_, tx := w.burn(coin, 100_000, 15_000)
	w.pool2 = append(w.pool2, tx)
	w.mine(9)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	s := &slow{keyFile(t, 1), make(chan int)}
	m, err := settler.New(settler.Config{Layer: w.l2, L1: w.l1, Log: memory{}, Keys: s.Keys(), Synced: func() bool { return true },
		Share: func() (risk.Share, error) { return risk.Share{Low: 0.5}, nil }})
	check(t, err)
	refusal := make(chan string, 1000)
	quiet := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		daemon.Run(ctx, daemon.Config{Machine: m, Signer: s, Again: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
			News:   []func() <-chan struct{}{func() <-chan struct{} { return quiet }},
			Gossip: func(msg.Message, syncer.Peer) {}, Blame: func(syncer.Peer, string) {},
			Broadcast: func(context.Context, *wire.MsgTx) error { return nil },
			Told: func(st settler.Status) {
				if st.Refusal != nil && st.Refusal.Name == settler.RefuseSigner {
					select {
					case refusal <- st.Refusal.Why:
					default:
					}
				}
			}})
	}()
	want := func(attempt int) {
		t.Helper()
		select {
		case got := <-s.asked:
			if got != attempt {
				t.Errorf("asked for attempt %d, want %d", got, attempt)
			}
		case <-ctx.Done():
			t.Fatalf("attempt %d is not asked for", attempt)
		}
	}
	want(0)
	w.mine(peg.AttemptBlocks)
	want(1)
	select {
	case why := <-refusal:
		if why != "the box is locked" {
			t.Errorf("refuses because of %q", why)
		}
	case <-ctx.Done():
		t.Error("no refusal")
	}
	want(1) // again and again
	stop()
	<-ended
}

// TestBehindIsTold: a settler who stays behind says so, once, and when that is over; to be behind for a moment is not told. Who has
// no key says nothing of the kind.
func TestBehindIsTold(t *testing.T) {
	all := saidBehind(t, keyFile(t, 1))
	if len(all) != 2 || !strings.Contains(all[0], "not synced") || !strings.Contains(all[1], "nothing stands against signing") {
		t.Errorf("said %q", all)
	}
	if all := saidBehind(t, nil); len(all) != 0 {
		t.Errorf("without a key: said %q", all)
	}
}

// saidBehind returns what a settler logs who is behind for some time.
func saidBehind(t *testing.T, signer daemon.Signer) (all []string) {
	t.Helper()
	w, _, _ := funded(t, "dev-native")
	var behind atomic.Bool
	m, err := settler.New(settler.Config{Layer: w.l2, L1: w.l1, Log: memory{}, Synced: func() bool { return !behind.Load() },
		Share: func() (risk.Share, error) { return risk.Share{Low: 0.5}, nil }})
	check(t, err)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	said, status := make(lines, 100), make(chan *settler.Refusal, 1000)
	quiet := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		daemon.Run(ctx, daemon.Config{Machine: m, Signer: signer, Again: 5 * time.Millisecond, Log: slog.New(slog.NewTextHandler(said, nil)),
			News: []func() <-chan struct{}{func() <-chan struct{} { return quiet }},
			Told: func(st settler.Status) {
				select {
				case status <- st.Refusal:
				default:
				}
			}})
	}()
	look := func(n int) { // so many looks from now on
		for len(status) > 0 {
			<-status
		}
		for range n {
			<-status
		}
	}
	look(2)
	behind.Store(true)
	for n := 0; n < 20; n++ {
		look(1)
	}
	behind.Store(false)
	look(3)
	stop()
	<-ended
	close(said)
	for line := range said {
		all = append(all, line)
	}
	return all
}

// lines is a log that is read.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}
