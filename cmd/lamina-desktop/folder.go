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

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui"
)

// folder is the data folder: what it was opened with last, and what has it open now. It is
// safe for concurrent use.
type folder struct {
	app   *app.App
	path  string
	extra map[string][]string // peers of the command line, by chain, for this run alone

	mu     sync.Mutex
	config ui.Config
	local  *app.Local
}

var _ ui.Program = (*folder)(nil)

// configName lies in the data folder, beside the database.
const configName = "desktop.json"

// maxConfig is the most of the configuration that is read, in bytes.
const maxConfig = 1 << 20

// openFolder reads the configuration of a data folder. The folder need not be there yet.
func openFolder(a *app.App, path string, extra map[string][]string) (*folder, error) {
	f := &folder{app: a, path: path, extra: extra}
	in, err := os.Open(filepath.Join(path, configName))
	if errors.Is(err, fs.ErrNotExist) {
		f.config.Stack = a.StackOf(path) // there may be wallets that the command line has made
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
	if err := d.Decode(&f.config); err != nil {
		return nil, fmt.Errorf("%s: %w", in.Name(), err)
	}
	return f, nil
}

// Folder implements ui.Program.
func (f *folder) Folder() string { return f.path }

// Config implements ui.Program.
func (f *folder) Config() ui.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.config
}

// Open implements ui.Program.
func (f *folder) Open(_ context.Context, c ui.Config) (app.Backend, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, err := f.options(c)
	if err != nil {
		return nil, err
	}
	if err := f.close(); err != nil {
		return nil, err
	}
	local, err := f.app.OpenLocal(o)
	if err != nil {
		return nil, err
	}
	f.local = local
	if err := f.keep(c); err != nil {
		return nil, errors.Join(err, f.close())
	}
	f.config = c
	return local, nil
}

// options turns a configuration into what is followed.
func (f *folder) options(c ui.Config) (app.LocalOptions, error) {
	o := app.LocalOptions{DataDir: f.path, Proxy: c.Proxy, Offline: c.Offline,
		Agent: "/Lamina:" + strings.Trim(version(), "()") + "/", Peers: map[string][]string{}}
	for _, s := range f.app.Stacks() {
		if s.L1.Name == c.Stack {
			o.Chains = append(append(o.Chains, s.L1), s.Layers...)
		}
	}
	if len(o.Chains) == 0 {
		return o, fmt.Errorf("stack %q: no L1 of this name is known", c.Stack)
	}
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

// Close lets go of the folder.
func (f *folder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.close()
}

func (f *folder) close() error {
	if f.local == nil {
		return nil
	}
	local := f.local
	f.local = nil
	return local.Close()
}
