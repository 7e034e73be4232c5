package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/ui"
	"github.com/layeredpow/lamina/ui/present"
)

// folder is the data folder: what it was opened with last, and what has it open now. It is
// safe for concurrent use.
type folder struct {
	app   *app.App
	path  string
	extra map[string][]string // peers of the command line, by chain, for this run alone
	node  *bundle

	kept  atomic.Pointer[ui.Config] // read without waiting for what is being opened
	mu    sync.Mutex
	local *app.Local
}

var _ ui.Program = (*folder)(nil)

// configName lies in the data folder, beside the database.
const configName = "desktop.json"

// maxConfig is the most of the configuration that is read, in bytes.
const maxConfig = 1 << 20

// openFolder reads the configuration of a data folder. The folder need not be there yet.
func openFolder(a *app.App, path string, extra map[string][]string) (*folder, error) {
	f := &folder{app: a, path: path, extra: extra, node: &bundle{}}
	in, err := os.Open(filepath.Join(path, configName))
	if errors.Is(err, fs.ErrNotExist) {
		f.kept.Store(&ui.Config{Stack: a.StackOf(path)}) // there may be wallets that the command line has made
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	defer in.Close()
	src, err := io.ReadAll(io.LimitReader(in, maxConfig+1))
	if err != nil {
		return nil, err
	}
	if len(src) > maxConfig {
		return nil, fmt.Errorf("%s: more than %d bytes", in.Name(), maxConfig)
	}
	d := json.NewDecoder(bytes.NewReader(src))
	d.DisallowUnknownFields() // a setting that is not understood must not be ignored: it may be a proxy
	var c ui.Config
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("%s: %w", in.Name(), err)
	}
	f.kept.Store(&c)
	return f, nil
}

// Folder implements ui.Program.
func (f *folder) Folder() string { return f.path }

// Config implements ui.Program.
func (f *folder) Config() ui.Config { return *f.kept.Load() }

// Open implements ui.Program. A node that does not start keeps nobody from his money: the
// error is what Node tells.
func (f *folder) Open(ctx context.Context, c ui.Config) (app.Backend, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, err := f.options(c)
	if err != nil {
		return nil, err
	}
	if err := f.close(); err != nil {
		return nil, err
	}
	if f.runNode(ctx, c) == nil {
		for chain, peer := range f.node.peers() {
			o.Peers[chain] = append(o.Peers[chain], peer)
		}
	}
	local, err := f.app.OpenLocal(o)
	if err != nil {
		return nil, err
	}
	f.local = local
	if err := f.keep(c); err != nil {
		return nil, errors.Join(err, f.close())
	}
	f.kept.Store(&c)
	return local, nil
}

// runNode has the bundled node run as a configuration says, or not at all.
func (f *folder) runNode(ctx context.Context, c ui.Config) error {
	dir := f.nodeFolder(c.Stack)
	if c.Node == nil {
		return f.node.end(ctx, dir)
	}
	stack, err := f.stack(c.Stack)
	if err != nil {
		return err
	}
	if public := stack.L1.Network == chains.Main || stack.L1.Network == chains.Test; public && (c.Proxy != "" || c.Offline) {
		return f.node.refuse(errors.New("node: it would reach peers without the proxy, or while the program is offline"))
	}
	o := nodeOrder{stack: stack, dir: dir, peers: c.Peers, NodeOrder: *c.Node}
	if len(settled(&stack)) > 0 {
		o.settler = 1
	}
	return f.node.start(ctx, o)
}

// nodeFolder is where the node of a stack keeps its chains.
func (f *folder) nodeFolder(stack string) string { return filepath.Join(f.path, "node", stack) }

// Node implements ui.Program.
func (f *folder) Node(ctx context.Context) (present.Node, error) {
	c := f.kept.Load()
	if c.Stack == "" {
		return f.node.look(ctx, "", ""), nil
	}
	return f.node.look(ctx, f.nodeFolder(c.Stack), c.Stack), nil
}

func (f *folder) stack(l1 string) (chains.Stack, error) {
	for _, s := range f.app.Stacks() {
		if s.L1.Name == l1 {
			return s, nil
		}
	}
	return chains.Stack{}, fmt.Errorf("stack %q: no L1 of this name is known", l1)
}

// options turns a configuration into what is followed.
func (f *folder) options(c ui.Config) (app.LocalOptions, error) {
	o := app.LocalOptions{DataDir: f.path, Proxy: c.Proxy, Offline: c.Offline, Verify: c.Verify, AllowBloom: c.Bloom,
		Agent: "/Lamina:" + strings.Trim(version(), "()") + "/", Peers: map[string][]string{}}
	s, err := f.stack(c.Stack)
	if err != nil {
		return o, err
	}
	o.Chains = append([]*chains.Params{s.L1}, s.Layers...)
	for _, p := range o.Chains {
		o.Peers[p.Name] = append(append([]string{}, c.Peers[p.Name]...), f.extra[p.Name]...)
	}
	return o, nil
}

// keep writes the configuration, whole or not at all.
func (f *folder) keep(c ui.Config) error {
	src, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(f.path, configName+".*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // nothing is left of it once it was renamed
	if _, err := temp.Write(append(src, '\n')); err != nil {
		return errors.Join(err, temp.Close())
	}
	if err := errors.Join(temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), filepath.Join(f.path, configName))
}

// Close lets go of the folder, and ends the node that was started from here.
func (f *folder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.close(), f.node.stop())
}

func (f *folder) close() error {
	if f.local == nil {
		return nil
	}
	local := f.local
	f.local = nil
	return local.Close()
}
