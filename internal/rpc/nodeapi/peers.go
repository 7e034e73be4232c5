package nodeapi

import (
	"context"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/btcsuite/btcd/wire"

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
		{Name: "addnode", Category: "network", Call: find.on(addNode),
			Text:   "Keeps a peer connected, tries one once, or no longer keeps one, which ends its connection. A restart forgets it.",
			Params: []rpc.Param{{Name: "node", Text: "host:port"}, {Name: "command", Text: `"add", "onetry" or "remove"`}}, Example: "127.0.0.1:29555 add"},
		{Name: "disconnectnode", Category: "network", Call: find.on(disconnectNode),
			Text: "Ends a connection, by its address or by its number. A peer that is kept connected is dialled again.",
			Params: []rpc.Param{{Name: "address", Text: "host:port as getpeerinfo tells it, or empty", Optional: true},
				{Name: "nodeid", Text: "number as getpeerinfo tells it", Optional: true}}, Example: "127.0.0.1:29555"},
		{Name: "setban", Category: "network", Call: find.on(setBan),
			Text: "Leaves a host alone and ends its connections, or lets it come back. The word is kept where peers are sought.",
			Params: []rpc.Param{{Name: "subnet", Text: "one IP address or onion service, without port"}, {Name: "command", Text: `"add" or "remove"`},
				{Name: "bantime", Text: "seconds; default: 86400", Optional: true},
				{Name: "absolute", Text: "true: bantime is a time, seconds since 1970", Optional: true}}, Example: "192.0.2.7 add 86400"},
		{Name: "listbanned", Category: "network", Text: "Returns all hosts that are left alone.", Call: find.on(listBanned)},
	}
}

func getPeers(_ context.Context, n *Node, _ *rpc.Call) (any, error) {
	if n.Peers == nil {
		return nil, off("the network")
	}
	p, list := n.Chain.Params(), []any{}
	for _, x := range n.Peers.All() {
		kind, transport := "outbound-full-relay", "v1"
		switch {
		case x.Inbound:
			kind = "inbound"
		case x.Named:
			kind = "manual"
		}
		if x.Encrypted {
			transport = "v2"
		}
		peer := map[string]any{
			"id": x.ID, "addr": x.Address, "inbound": x.Inbound, "services": fmt.Sprintf("%016x", x.Services), "servicesnames": serviceNames(x.Services), "version": x.Version,
			"subver": x.Agent, "startingheight": x.Height, "relaytxes": x.Relay, "minfeefilter": coins(p, x.FeeFilter), "conntime": x.Since.Unix(),
			"bytesrecv": x.Received, "bytessent": x.Sent, "lastrecv": seconds(x.LastReceived), "lastsend": seconds(x.LastSent),
			"connection_type": kind, "transport_protocol_type": transport,
		}
		// As other nodes do: what is not known is left out.
		for name, took := range map[string]time.Duration{"pingtime": x.Ping, "minping": x.Quickest, "pingwait": x.Unanswered} {
			if took > 0 {
				peer[name] = took.Seconds()
			}
		}
		list = append(list, peer)
	}
	return list, nil
}

// serviceNames returns the names of the services that a node offers, as Bitcoin Core has them; bits without a name are left
// out.
func serviceNames(bits uint64) []string {
	names := []string{}
	for _, s := range []struct {
		flag wire.ServiceFlag
		name string
	}{{wire.SFNodeNetwork, "NETWORK"}, {wire.SFNodeBloom, "BLOOM"}, {wire.SFNodeWitness, "WITNESS"}, {wire.SFNodeCF, "COMPACT_FILTERS"},
		{wire.SFNodeNetworkLimited, "NETWORK_LIMITED"}, {wire.SFNodeP2PV2, "P2P_V2"}} {
		if bits&uint64(s.flag) != 0 {
			names = append(names, s.name)
		}
	}
	return names
}

// seconds returns a time in seconds since 1970, 0 for none.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
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
		"version": 250000, "subversion": "/Satoshi:25.0.0" + n.Agent, "protocolversion": p.P2P.Protocol, "localservices": fmt.Sprintf("%016x", n.Services),
		"localservicesnames": serviceNames(n.Services), "localrelay": true,
		"timeoffset": 0, "connections": len(all), "connections_in": inbound, "connections_out": len(all) - inbound, "networkactive": n.Peers != nil,
		"networks": []any{}, "relayfee": coins(p, p.Policy.MinRelay), "incrementalfee": coins(p, p.Policy.Incremental), "localaddresses": []any{},
		"warnings": []string{},
	}, nil
}

func addNode(ctx context.Context, n *Node, c *rpc.Call) (any, error) {
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
		if err := n.Peers.Add(ctx, address, command == "onetry"); err != nil {
			return nil, rpc.Errorf(rpc.PeerAdded, "%v", err)
		}
	case "remove":
		if err := n.Peers.Remove(ctx, address); err != nil {
			return nil, rpc.Errorf(rpc.PeerNotAdded, "%v", err)
		}
	default:
		return nil, c.Args.Bad(rpc.InvalidParameter, 1, `"add", "onetry" or "remove"`)
	}
	return nil, nil
}

func disconnectNode(ctx context.Context, n *Node, c *rpc.Call) (any, error) {
	address, err := c.Args.StringOr(0, "")
	if err != nil {
		return nil, err
	}
	if (address == "") != c.Args.Has(1) {
		return nil, c.Args.Bad(rpc.InvalidParameter, 0, "an address or a number, one of them")
	}
	if n.Peers == nil {
		return nil, off("the network")
	}
	id := int64(-1)
	if address == "" {
		if id, err = c.Args.Int(1, 0, math.MaxInt32); err != nil {
			return nil, err
		}
	}
	for _, x := range n.Peers.All() {
		if address != "" && x.Address == address {
			id = int64(x.ID)
		}
	}
	if id < 0 {
		return nil, rpc.Errorf(rpc.PeerNotConnected, "peer %s: is not connected", address)
	}
	if err := n.Peers.Disconnect(ctx, int32(id)); err != nil {
		return nil, rpc.Errorf(rpc.PeerNotConnected, "%v", err)
	}
	return nil, nil
}

// usualBan is how long a host is left alone if nothing is said.
const usualBan = 24 * time.Hour

func setBan(ctx context.Context, n *Node, c *rpc.Call) (any, error) {
	host, err := c.Args.String(0)
	if err != nil {
		return nil, err
	}
	command, err := c.Args.String(1)
	if err != nil {
		return nil, err
	}
	until := n.Clock().Add(usualBan)
	if c.Args.Has(2) {
		span, err := c.Args.Int(2, 0, math.MaxUint32)
		if err != nil {
			return nil, err
		}
		absolute, err := c.Args.Bool(3, false)
		if err != nil {
			return nil, err
		}
		switch {
		case absolute:
			until = time.Unix(span, 0)
		case span > 0:
			until = n.Clock().Add(time.Duration(span) * time.Second)
		}
	}
	if n.Peers == nil {
		return nil, off("the network")
	}
	switch {
	case command == "remove":
		err = n.Peers.Unban(ctx, host)
	case command != "add":
		return nil, c.Args.Bad(rpc.InvalidParameter, 1, `"add" or "remove"`)
	case !until.After(n.Clock()) || until.Unix() > math.MaxUint32:
		return nil, c.Args.Bad(rpc.InvalidParameter, 2, "a time to come, before 2106")
	default:
		err = n.Peers.Ban(ctx, host, until)
	}
	if err != nil {
		return nil, rpc.Errorf(rpc.NoSuchHost, "%v", err)
	}
	return nil, nil
}

func listBanned(ctx context.Context, n *Node, _ *rpc.Call) (any, error) {
	if n.Peers == nil {
		return nil, off("the network")
	}
	bans, err := n.Peers.Bans(ctx)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, b := range bans {
		list = append(list, map[string]any{"address": b.Host, "banned_until": b.Until.Unix(),
			"time_remaining": int64(b.Until.Sub(n.Clock()).Seconds()), "ban_reason": b.Cause})
	}
	return list, nil
}
