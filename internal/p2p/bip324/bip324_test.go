package bip324

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ellswift"
	"github.com/btcsuite/btcd/v2transport"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testdata"
)

// magic is regtest's, network what btcd calls it.
var magic = [4]byte{0xfa, 0xbf, 0xb5, 0xda}

const network = v2transport.BitcoinNet(wire.TestNet)

// raw is bytes that are hexadecimal in JSON.
type raw []byte

func (r *raw) UnmarshalJSON(b []byte) (err error) {
	*r, err = hex.DecodeString(strings.Trim(string(b), `"`))
	return err
}

// TestVectors: BIP324's own. They are of the main network.
func TestVectors(t *testing.T) {
	var vectors []struct {
		Index      int  `json:"in_idx"`
		Secret     raw  `json:"in_priv_ours"`
		Ours       raw  `json:"in_ellswift_ours"`
		Theirs     raw  `json:"in_ellswift_theirs"`
		Initiating bool `json:"in_initiating"`
		Contents   raw  `json:"in_contents"`
		Multiply   int  `json:"in_multiply"`
		AAD        raw  `json:"in_aad"`
		Ignore     bool `json:"in_ignore"`
		OursEnd    raw  `json:"mid_send_garbage_terminator"`
		TheirsEnd  raw  `json:"mid_recv_garbage_terminator"`
		Want       raw  `json:"out_ciphertext"`
		WantEnd    raw  `json:"out_ciphertext_endswith"`
	}
	if err := json.Unmarshal(testdata.Read(t, "vectors/bip324-packets.json"), &vectors); err != nil || len(vectors) != 7 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		t.Run(fmt.Sprint(v.Index), func(t *testing.T) {
			secret, _ := btcec.PrivKeyFromBytes(v.Secret)
			a, err := agree(secret, [64]byte(v.Ours), [64]byte(v.Theirs), v.Initiating, [4]byte{0xf9, 0xbe, 0xb4, 0xd9})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a.oursEnd, v.OursEnd) || !bytes.Equal(a.theirsEnd, v.TheirsEnd) {
				t.Fatalf("garbage ends in %x and %x, want %x and %x", a.oursEnd, a.theirsEnd, v.OursEnd, v.TheirsEnd)
			}
			for range v.Index {
				if _, err := a.session.seal([]byte{0}, nil); err != nil {
					t.Fatal(err)
				}
			}
			plain := append([]byte{0}, bytes.Repeat(v.Contents, v.Multiply)...)
			if v.Ignore {
				plain[0] = decoyFlag
			}
			got, err := a.session.seal(plain, v.AAD)
			if err != nil || (len(v.Want) > 0 && !bytes.Equal(got, v.Want)) || !bytes.HasSuffix(got, v.WantEnd) {
				t.Fatalf("%.100x, want %.100x, %x at the end, %v", got, v.Want, v.WantEnd, err)
			}
		})
	}
}

// both returns the two ends of a TCP connection: a pipe holds nothing, and both sides of a
// handshake may speak at once.
func both(t testing.TB) (dialled, accepted net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if dialled, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dialled.Close(); _ = accepted.Close() })
	late := time.Now().Add(3 * time.Minute)
	_, _ = dialled.SetDeadline(late), accepted.SetDeadline(late)
	return dialled, accepted
}

// receive reads one packet.
func receive(s *Session, r io.Reader) (command string, payload []byte, decoy bool, err error) {
	var head [LengthSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", nil, false, err
	}
	n, err := s.Length(head)
	if err != nil {
		return "", nil, false, err
	}
	packet := make([]byte, n+Overhead)
	if _, err := io.ReadFull(r, packet); err != nil {
		return "", nil, false, err
	}
	return s.Open(packet)
}

// TestReference: btcd's transport is the other side, in both roles, with garbage, decoys
// and enough messages for keys to change.
func TestReference(t *testing.T) {
	for _, weDial := range []bool{true, false} {
		for _, garbage := range []int{0, 1, 700, MaxGarbage} {
			t.Run(fmt.Sprintf("we dial %v, garbage %d", weDial, garbage), func(t *testing.T) {
				ours, theirs := both(t)
				peer := v2transport.NewPeer()
				peer.UseReadWriter(theirs)
				done := make(chan error, 1)
				go func() {
					err := reference(peer, !weDial, garbage)
					_ = theirs.Close()
					done <- err
				}()
				r := bufio.NewReader(ours)
				shake := Initiate
				if !weDial {
					shake = Respond
				}
				// btcd does not find the end behind as much garbage as there may be.
				s, err := shake(r, ours, magic, bytes.Repeat([]byte{7}, min(garbage, MaxGarbage-1)))
				if err != nil {
					t.Fatal(err)
				}
				for i := range 500 {
					command, payload, decoy, err := receive(s, r)
					if decoy && err == nil {
						command, payload, _, err = receive(s, r)
					}
					if err != nil || command != "ping" || len(payload) != 8 {
						t.Fatalf("message %d: %s %x, %v", i, command, payload, err)
					}
					packet, err := s.Seal("pong", payload)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := ours.Write(packet); err != nil {
						t.Fatal(err)
					}
				}
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// reference shakes hands with btcd's transport, and pings.
func reference(peer *v2transport.Peer, dials bool, garbage int) error {
	var err error
	if dials {
		err = peer.InitiateV2Handshake(garbage)
	} else {
		err = peer.RespondV2Handshake(garbage, network)
	}
	if err != nil {
		return err
	}
	if err := peer.CompleteHandshake(dials, nil, network); err != nil {
		return err
	}
	for i := range 500 {
		if i%3 == 0 {
			if _, _, err := peer.V2EncPacket(make([]byte, i), nil, true); err != nil {
				return err
			}
		}
		var b bytes.Buffer
		if _, err := wire.WriteV2MessageN(&b, wire.NewMsgPing(uint64(i)), wire.ProtocolVersion, wire.WitnessEncoding); err != nil {
			return err
		}
		if _, _, err := peer.V2EncPacket(b.Bytes(), nil, false); err != nil {
			return err
		}
		plain, err := peer.V2ReceivePacket(nil)
		if err != nil {
			return err
		}
		m, _, err := wire.ReadV2MessageN(plain, wire.ProtocolVersion, wire.WitnessEncoding)
		if pong, ok := m.(*wire.MsgPong); err != nil || !ok || pong.Nonce != uint64(i) {
			return fmt.Errorf("answer %d: %v, %w", i, m, err)
		}
	}
	return nil
}

// spoiler changes what is written through it: the byte at a place has a bit flipped. If
// that is in the key, neither side would ever find the other's end: then more garbage than
// is allowed follows.
type spoiler struct {
	io.Writer
	at int
}

func (s *spoiler) Write(b []byte) (int, error) {
	if 0 <= s.at && s.at < len(b) {
		b = bytes.Clone(b)
		b[s.at] ^= 1
		if s.at < keySize && len(b) > keySize {
			b = append(b, make([]byte, MaxGarbage+terminatorSize)...)
		}
	}
	s.at -= len(b)
	return s.Writer.Write(b)
}

// TestSpoiled: one bit flipped anywhere on the way from the one who dialled is noticed by
// the other, at the latest when the first message opens.
func TestSpoiled(t *testing.T) {
	const garbage = 50
	total := keySize + garbage + terminatorSize + LengthSize + Overhead + LengthSize + 1 + 8 + Overhead
	for at := range total {
		ours, theirs := both(t)
		go func() {
			out := &spoiler{Writer: ours, at: at}
			if s, err := Initiate(bufio.NewReader(ours), out, magic, make([]byte, garbage)); err == nil {
				packet, _ := s.Seal("ping", make([]byte, 8))
				_, _ = out.Write(packet)
			}
			_ = ours.(*net.TCPConn).CloseWrite()
		}()
		r := bufio.NewReader(theirs)
		s, err := Respond(r, theirs, magic, nil)
		if err == nil {
			var command string
			if command, _, _, err = receive(s, r); err == nil {
				t.Fatalf("byte %d: %s opens", at, command)
			}
		}
		_ = theirs.Close()
	}
}

// last writes so many zeros, and no more, and reads what comes.
func last(c net.Conn, n int) error {
	_, err := c.Write(make([]byte, n))
	err = errors.Join(err, c.(*net.TCPConn).CloseWrite())
	_, _ = io.Copy(io.Discard, c)
	return err
}

// decoys responds to a handshake, but for its last packet, and sends decoys of so many bytes.
func decoys(c net.Conn, size, n int) error {
	var theirs [keySize]byte
	if _, err := io.ReadFull(c, theirs[:]); err != nil {
		return err
	}
	secret, ours, err := ellswift.EllswiftCreate()
	if err != nil {
		return err
	}
	a, err := agree(secret, ours, theirs, false, magic)
	if err != nil {
		return err
	}
	out := append(ours[:], a.oursEnd...)
	for range n {
		packet, err := a.session.seal(append([]byte{decoyFlag}, make([]byte, size)...), nil)
		if err != nil {
			return err
		}
		out = append(out, packet...)
	}
	_, _ = c.Write(out) // the other side may have had enough
	return nil
}

// TestEarlyDecoys: some decoys before the last packet are no harm.
func TestEarlyDecoys(t *testing.T) {
	ours, theirs := both(t)
	go func() {
		_ = decoys(theirs, 20_000, 3)
		_ = theirs.(*net.TCPConn).CloseWrite()
	}()
	_, err := Initiate(bufio.NewReader(ours), ours, magic, nil)
	if !errors.Is(err, io.EOF) { // all that was sent is taken, and the last packet missed
		t.Errorf("got %v", err)
	}
}

// TestHandshakeRefuses: what a peer may do wrong before the handshake is over.
func TestHandshakeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		peer func(net.Conn) error
		want string
	}{
		"mute":        {func(c net.Conn) error { _, err := io.ReadFull(c, make([]byte, 64)); return errors.Join(err, c.Close()) }, "hung up"},
		"half a key":  {func(c net.Conn) error { return last(c, 63) }, "unexpected EOF"},
		"no end":      {func(c net.Conn) error { _, err := c.Write(make([]byte, 10_000)); return err }, "no end of garbage within 4111 bytes"},
		"end is near": {func(c net.Conn) error { return last(c, 64+4110) }, "EOF"},
		"other network": {func(c net.Conn) error {
			p := v2transport.NewPeer()
			p.UseReadWriter(c)
			if err := p.RespondV2Handshake(4095, network+1); err != nil {
				return err
			}
			_ = p.CompleteHandshake(false, []int{100}, network+1)
			return nil
		}, "no end of garbage"},
		"decoys":     {func(c net.Conn) error { return decoys(c, 9_000, 20) }, "72160 bytes of packets before the handshake is done, want at most 65536"},
		"long decoy": {func(c net.Conn) error { return decoys(c, 65_536, 1) }, "65556 bytes of packets"},
		"forged": {func(c net.Conn) error {
			err := decoys(c, 10, 1)
			_, _ = c.Write(make([]byte, 5)) // a length of anything, and not enough behind it
			_ = c.(*net.TCPConn).CloseWrite()
			return err
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := both(t)
			done := make(chan error, 1)
			go func() { done <- c.peer(theirs) }()
			_, err := Initiate(bufio.NewReader(ours), ours, magic, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrMute) != (name == "mute") {
				t.Errorf("got %v, want %q", err, c.want)
			}
			_ = ours.Close()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPlain: what an unencrypted connection begins with, as btcd writes it.
func TestPlain(t *testing.T) {
	for name, c := range map[string]struct {
		m    wire.Message
		want bool
	}{
		"version": {wire.NewMsgVersion(&wire.NetAddress{}, &wire.NetAddress{}, 1, 1), true},
		"verack":  {&wire.MsgVerAck{}, false},
	} {
		for _, net := range []wire.BitcoinNet{wire.TestNet, wire.MainNet} {
			var b bytes.Buffer
			if err := wire.WriteMessage(&b, c.m, wire.ProtocolVersion, net); err != nil {
				t.Fatal(err)
			}
			if got := Plain([PrefixSize]byte(b.Bytes())); got != c.want {
				t.Errorf("%s of %s: %v", name, net, got)
			}
		}
	}
}

// pair returns the two ends of a session.
func pair(t testing.TB) (initiator, responder *Session) {
	t.Helper()
	ours, theirs := both(t)
	done := make(chan *Session)
	go func() {
		s, err := Respond(bufio.NewReader(theirs), theirs, magic, []byte{1})
		if err != nil {
			t.Error(err)
		}
		done <- s
	}()
	initiator, err := Initiate(bufio.NewReader(ours), ours, magic, []byte{2, 3})
	responder = <-done
	if err != nil || responder == nil {
		t.Fatal(err)
	}
	return initiator, responder
}

// TestLimits: the longest packet, and what is longer.
func TestLimits(t *testing.T) {
	a, b := pair(t)
	if _, err := a.Seal("block", make([]byte, MaxContent)); err == nil || !strings.Contains(err.Error(), "want at most 16777215") {
		t.Errorf("%v", err)
	}
	packet, err := a.Seal("block", make([]byte, MaxContent-1))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := b.Length([3]byte(packet)); err != nil || n != MaxContent {
		t.Errorf("%d, %v", n, err)
	}
	if command, payload, decoy, err := b.Open(packet[3:]); command != "block" || len(payload) != MaxContent-1 || decoy || err != nil {
		t.Errorf("%s of %d bytes, %v, %v", command, len(payload), decoy, err)
	}
	if _, _, _, err := b.Open(make([]byte, 16)); err == nil {
		t.Error("a packet of 16 bytes opens")
	}
}

// TestSessionIsSecret: no way of printing one shows what it holds.
func TestSessionIsSecret(t *testing.T) {
	s, _ := pair(t)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, v := range []any{s, *s} {
			if got := fmt.Sprintf(format, v); got != "bip324.Session" {
				t.Errorf("%s shows %.50q", format, got)
			}
		}
	}
	if b, err := json.Marshal([]any{s}); err != nil || string(b) != "[{}]" { // a slice, lest the linter calls it pointless
		t.Errorf("%s, %v", b, err)
	}
}

// FuzzHandshake: whatever comes behind the other side's key ends the handshake, which
// nobody can finish without its secret. The keys are fixed, lest two runs differ.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte{}, false)
	f.Add(make([]byte, 5000), false)
	f.Add(make([]byte, 100), true)
	secret, _ := btcec.PrivKeyFromBytes([]byte{5})
	f.Fuzz(func(t *testing.T, in []byte, ended bool) {
		a, err := agree(secret, [keySize]byte{1}, [keySize]byte{2}, true, magic)
		if err != nil {
			t.Fatal(err)
		}
		if ended {
			in = append(bytes.Clone(a.theirsEnd), in...)
		}
		if err := a.awaitLast(bufio.NewReader(bytes.NewReader(in))); err == nil {
			t.Error("a handshake without the other side's secret")
		}
	})
}
