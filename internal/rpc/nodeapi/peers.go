package nodeapi

import (
	"context"
	"fmt"
	"net"

	"github.com/layeredpow/lamina/internal/rpc"
)

func peerMethods(find Find) []rpc.Method {
	return []rpc.Method{
		{Name: "getpeerinfo", Category: "network", Text: "Returns every connection.", Call: find.on(getPeers)},
		{Name: "getconnectioncount", Category: "network", Text: "Returns the number of connections.",
			Call: find.on(func(_ context.Context, n *Node, _ *rpc.Call) (any, error) {
				if n.Peers == nil {
					return 0, nil
				}
				return len(n.Peers.All()), nil
			})},
		{Name: "getnettotals", Category: "network", Text: "Returns the bytes received and sent since the start.", Call: find.on(getNetTotals)},
		{Name: "getnetworkinfo", Category: "network", Text: "Returns version, connections and relay fees.", Call: find.on(getNetwork)},
		{Name: "addnode", Category: "network", Text: "Keeps a peer connected, tries one once, or no longer keeps one.", Call: find.on(addNode),
			Params: []rpc.Param{{Name: "node", Text: "host:port"}, {Name: "command", Text: `"add", "onetry" or "remove"`}}, Example: "127.0.0.1:29555 add"},
	}
}

func getPeers(_ context.Context, n *Node, _ *rpc.Call) (any, error) {
	if n.Peers == nil {
		return nil, off("the network")
	}
	p, list := n.Chain.Params(), []any{}
	for _, x := range n.Peers.All() {
		list = append(list, map[string]any{
			"id": x.ID, "addr": x.Address, "inbound": x.Inbound, "services": fmt.Sprintf("%016x", x.Services), "version": x.Version,
			"subver": x.Agent, "startingheight": x.Height, "relaytxes": x.Relay, "minfeefilter": coins(p, x.FeeFilter), "conntime": x.Since.Unix(),
			"bytesrecv": x.Received, "bytessent": x.Sent, "pingtime": x.Ping.Seconds(),
		})
	}
	return list, nil
}

func getNetTotals(_ context.Context, n *Node, _ *rpc.Call) (any, error) {
	if n.Peers == nil {
		return nil, off("the network")
	}
	received, sent := n.Peers.Totals()
	return map[string]any{"totalbytesrecv": received, "totalbytessent": sent, "timemillis": n.Clock().UnixMilli()}, nil
}

func getNetwork(_ context.Context, n *Node, _ *rpc.Call) (any, error) {
	p, inbound, all := n.Chain.Params(), 0, []Peer(nil)
	if n.Peers != nil {
		all = n.Peers.All()
	}
	for _, x := range all {
		if x.Inbound {
			inbound++
		}
	}
	return map[string]any{
		// Programs look here for the version of the interface, which is that of another node's 25.0, and switch on it.
		"version": 250000, "subversion": "/Satoshi:25.0.0" + n.Agent, "protocolversion": p.P2P.Protocol, "localservices": fmt.Sprintf("%016x", n.Services), "localrelay": true,
		"timeoffset": 0, "connections": len(all), "connections_in": inbound, "connections_out": len(all) - inbound, "networkactive": n.Peers != nil,
		"networks": []any{}, "relayfee": coins(p, p.Policy.MinRelay), "incrementalfee": coins(p, p.Policy.Incremental), "localaddresses": []any{},
		"warnings": []string{},
	}, nil
}

func addNode(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	address, err := c.Args.String(0)
	if err != nil {
		return nil, err
	}
	if _, _, err := net.SplitHostPort(address); err != nil || len(address) > 300 {
		return nil, c.Args.Bad(rpc.InvalidParameter, 0, "host:port")
	}
	command, err := c.Args.String(1)
	if err != nil {
		return nil, err
	}
	if n.Peers == nil {
		return nil, off("the network")
	}
	switch command {
	case "add", "onetry":
		if err := n.Peers.Add(address, command == "onetry"); err != nil {
			return nil, rpc.Errorf(rpc.PeerAdded, "%v", err)
		}
	case "remove":
		if err := n.Peers.Remove(address); err != nil {
			return nil, rpc.Errorf(rpc.PeerNotAdded, "%v", err)
		}
	default:
		return nil, c.Args.Bad(rpc.InvalidParameter, 1, `"add", "onetry" or "remove"`)
	}
	return nil, nil
}
