package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/layeredpow/lamina/internal/node/settler"
)

// The files by which a Folder speaks with a signer.
const (
	PacketName = "packet.psbt"
	SignedName = "signed.psbt"
)

// folderLook is how often a folder is looked into for the answer.
const folderLook = 250 * time.Millisecond

// Folder carries PSBTs to a signer elsewhere and back through a folder, for Remote.Ask: what
// is to be signed is put there as packet.psbt, what is signed is expected as signed.psbt.
// Both are moved into their places whole; so must the signer do. Packet.psbt is taken away
// when it is answered, or not wanted any longer; a signed.psbt that lies there before a
// question is taken away unread.
type Folder string

// Ask puts a packet into the folder and waits for the answer, or for the context's end.
func (f Folder) Ask(ctx context.Context, packet []byte) (signed []byte, err error) {
	ask, answer := filepath.Join(string(f), PacketName), filepath.Join(string(f), SignedName)
	if err := remove(answer); err != nil {
		return nil, err
	}
	if err := place(ask, packet); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove(ask)) }()
	look := time.NewTicker(folderLook)
	defer look.Stop()
	for {
		signed, err := readBounded(answer)
		if err == nil {
			return signed, remove(answer)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w", answer, ctx.Err())
		}
	}
}

// place writes a file at one stroke.
func place(path string, b []byte) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = draft.Write(b)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err == nil {
		err = os.Rename(draft.Name(), path)
	}
	if err != nil {
		return errors.Join(err, remove(draft.Name()))
	}
	return nil
}

// remove takes a file away that need not be there.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// readBounded reads a file that holds no more than a PSBT does.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, settler.MaxPacket+1))
	if err == nil && len(b) > settler.MaxPacket {
		err = fmt.Errorf("%s: more than %d bytes", path, settler.MaxPacket)
	}
	return b, err
}
