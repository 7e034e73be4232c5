package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/layeredpow/lamina/internal/node"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/internal/rpc/nodeapi"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// nodeServer serves a node: JSON-RPC, metrics, health.
type nodeServer struct {
	s     *session
	flags *nodeFlags
	node  *node.Node
	cfg   node.Config
	begun time.Time
	apis  map[string]*nodeapi.Node
	first string // the chain that calls are about which name none
}

// nodePorts is what a node tells when all is open.
type nodePorts struct {
	Ready   bool              `json:"ready"`
	PID     int               `json:"pid"`
	DataDir string            `json:"data_dir"`
	RPC     string            `json:"rpc"`
	Metrics string            `json:"metrics,omitempty"` // host:port
	Stratum string            `json:"stratum,omitempty"` // host:port
	Chains  map[string]string `json:"chains"`            // where peers are accepted, host:port; empty: nowhere
}

// run serves until the context ends, then ends the servers, and the node after them.
func (n *nodeServer) run(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.begun = time.Now()
	n.openAPIs()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() {
		ended <- n.node.Run(running)
		cancel() // what serves a node that has ended would only look alive
	}()
	served := n.serve(ctx, cancel)
	stop()
	return errors.Join(served, <-ended)
}

func (n *nodeServer) serve(ctx context.Context, cancel func()) (err error) {
	l, err := n.s.serveRPC(ctx, &n.flags.serve, n.cfg.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	ports := nodePorts{Ready: true, PID: os.Getpid(), DataDir: n.cfg.DataDir, RPC: l.URL, Stratum: n.node.Mining().Stratum(), Chains: map[string]string{}}
	for _, chain := range n.node.Loops() {
		ports.Chains[chain.Params().Name] = chain.Address()
	}
	methods := rpc.NewMethods(append(nodeapi.Methods(n.find), n.mineStatusMethod())...)
	server, err := rpc.New(rpc.Config{Methods: methods, Logins: l.Logins, Salted: l.Salted, Hosts: n.flags.serve.hosts,
		State: n.state, Stop: cancel, Log: n.cfg.Log})
	if err != nil {
		return err
	}
	jobs := newJobs(cancel)
	defer func() { err = errors.Join(err, jobs.wait()) }()
	defer cancel()
	if n.flags.metrics != "" {
		at, err := net.Listen("tcp", n.flags.metrics)
		if err != nil {
			return unreadable(fmt.Errorf("--metrics %s: %w", n.flags.metrics, err), "")
		}
		ports.Metrics = at.Addr().String()
		w := &rpc.Watch{Metrics: n.metrics, Health: n.health, Log: n.cfg.Log}
		jobs.run(func() error { return w.Serve(ctx, at) })
	}
	jobs.run(func() error { return server.Serve(ctx, l) })
	if err := n.ready(&ports); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// ready tells whoever started the node where it is.
func (n *nodeServer) ready(ports *nodePorts) error {
	if n.flags.portsFile != "" {
		b, err := json.Marshal(ports)
		if err != nil {
			return err
		}
		// In one piece: whoever waits for the file never reads half of it.
		draft := n.flags.portsFile + ".new"
		if err := errors.Join(os.WriteFile(draft, append(b, '\n'), 0o600), os.Rename(draft, n.flags.portsFile)); err != nil {
			return err
		}
	}
	if n.s.json {
		return json.NewEncoder(n.s.out).Encode(ports)
	}
	n.s.printf("ready %s", ports.RPC)
	for _, chain := range n.node.Loops() {
		if at := chain.Address(); at != "" {
			n.s.printf(" %s=%s", chain.Params().Name, at)
		}
	}
	n.s.printf("\n")
	return nil
}

// openAPIs makes every chain known to the RPC methods. Calls that name no chain are about
// the L1, or the first layer where the L1 is foreign.
func (n *nodeServer) openAPIs() {
	n.apis = map[string]*nodeapi.Node{}
	for _, l := range n.node.Loops() {
		p := l.Params()
		api := &nodeapi.Node{Chain: l.Chain(), Peers: loopPeers{l}, Aux: n.node.Mining().Aux(p.Name), Payout: n.cfg.Payouts[p.Name],
			Agent: n.cfg.Agent, Synced: l.Synced, News: l.News, Clock: time.Now}
		if view, ok := l.View().(nodeapi.Chain); ok {
			api.Chain = view
		}
		if l.Pool() != nil {
			api.Pool, api.Loop, api.Services = l.Pool(), l, uint64(node.Services)
			api.Miner = chainMiner{n.node.Mining(), p}
		}
		if settlement := n.node.Settlement(p.Name); settlement != nil { // a nil *Settlement is no nil interface
			api.Settlement = settlement
		}
		n.apis[p.Name] = api
		if n.first == "" && l.Pool() != nil {
			n.first = p.Name
		}
	}
	if n.first == "" {
		n.first = n.cfg.Stack.L1.Name
	}
}

// find returns the node of a chain.
func (n *nodeServer) find(chain string) (*nodeapi.Node, error) {
	if chain == "" {
		chain = n.first
	}
	if api := n.apis[chain]; api != nil {
		return api, nil
	}
	return nil, fmt.Errorf("chain %.64q: it does not run here", chain)
}

func (n *nodeServer) state(chain string) any {
	api, err := n.find(chain)
	if err != nil {
		return nil
	}
	return api.State()
}

func (n *nodeServer) health() rpc.Health {
	var all []rpc.Stand
	for _, l := range n.node.Loops() {
		all = append(all, n.apis[l.Params().Name].Stand())
	}
	return rpc.Judge(all)
}

// chainMiner mines one chain at will.
type chainMiner struct {
	mining *node.Mining
	chain  *chains.Params
}

func (m chainMiner) HashRate() float64 { return m.mining.HashRate() }

func (m chainMiner) Generate(ctx context.Context, blocks int, payout []byte) ([]spv.Hash, error) {
	return m.mining.Generate(ctx, m.chain.Name, blocks, payout)
}
