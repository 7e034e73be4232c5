// Package book remembers addresses of peers, so that a stranger who fills it cannot
// choose whom we speak to: addresses lie in buckets that a secret key, the address's
// network group and the group of whoever told it select. It remembers bans and the
// peers to begin with, too.
//
// All but Load and Save is pure: time and randomness are arguments. It connects to
// nobody.
package book

import (
	"encoding/base32"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/btcsuite/btcd/wire"
)

// Addr is the address of a peer: an IP address or a Tor onion service (version 3), and a
// port. It is comparable.
type Addr struct {
	IP    netip.Addr // IPv4 never in its IPv6 form; not valid for an onion service
	Onion [32]byte   // public key of an onion service
	Port  uint16
}

const onionSuffix = ".onion"

var onionText = base32.StdEncoding.WithPadding(base32.NoPadding)

// Parse reads "1.2.3.4:8333", "[2001:db8::1]:8333" or "<56 letters>.onion:8333". Names are
// no addresses.
func Parse(s string) (Addr, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return Addr{}, fmt.Errorf("address %q: want host:port", s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return Addr{}, fmt.Errorf("address %q: want a port from 1 to 65535", s)
	}
	a := Addr{Port: uint16(n)}
	if name, ok := strings.CutSuffix(host, onionSuffix); ok {
		raw, err := onionText.DecodeString(strings.ToUpper(name))
		if err != nil || len(raw) != 35 {
			return Addr{}, fmt.Errorf("address %q: want an onion name of 56 letters", s)
		}
		if a.Onion = [32]byte(raw); a.Host() != host {
			return Addr{}, fmt.Errorf("address %q: the onion name's checksum is wrong", s)
		}
		return a, nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Zone() != "" {
		return Addr{}, fmt.Errorf("address %q: want an IP address or an onion name", s)
	}
	a.IP = ip.Unmap()
	return a, nil
}

// IsOnion tells whether it is an onion service.
func (a Addr) IsOnion() bool { return !a.IP.IsValid() }

// Host returns the address without its port.
func (a Addr) Host() string {
	if a.IsOnion() {
		return a.wire().Addr.String()
	}
	return a.IP.String()
}

// String returns host:port, as Parse reads it.
func (a Addr) String() string { return net.JoinHostPort(a.Host(), strconv.Itoa(int(a.Port))) }

// Group returns the name of the network that the address is in: whoever has one address
// of it has many. It is a /16 of IPv4, a /32 of IPv6, and 1/16 of all onion services.
func (a Addr) Group() string {
	switch {
	case a.IsOnion():
		return "onion" + strconv.Itoa(int(a.Onion[0]>>4))
	case a.IP.Is4():
		p, _ := a.IP.Prefix(16) // 16 is in range
		return p.String()
	default:
		p, _ := a.IP.Prefix(32)
		return p.String()
	}
}

// special are networks that the packages of Go do not know as not routable.
var special = func() (nets []netip.Prefix) {
	for _, s := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "2001:db8::/32", "2001:10::/28", "100::/64"} {
		nets = append(nets, netip.MustParsePrefix(s))
	}
	return nets
}()

// Routable tells whether the address can be reached over the internet, or over Tor.
func (a Addr) Routable() bool {
	if a.Port == 0 {
		return false
	}
	if a.IsOnion() {
		return a.Onion != [32]byte{}
	}
	if !a.IP.IsGlobalUnicast() || a.IP.IsPrivate() {
		return false
	}
	for _, net := range special {
		if net.Contains(a.IP) {
			return false
		}
	}
	return true
}

var errKind = errors.New("address of a kind that is not used")

// FromWire takes an address of an addrv2 message (BIP155).
func FromWire(na *wire.NetAddressV2) (Addr, error) {
	if na.Addr == nil {
		return Addr{}, errKind
	}
	return Parse(net.JoinHostPort(na.Addr.String(), strconv.Itoa(int(na.Port))))
}

func (a Addr) wire() *wire.NetAddressV2 {
	return wire.NetAddressV2FromBytes(time.Time{}, 0, a.bytes(), a.Port)
}

// Wire returns the address as addrv2 messages carry it.
func (e Entry) Wire() *wire.NetAddressV2 {
	return wire.NetAddressV2FromBytes(time.Unix(int64(e.Seen), 0), e.Services, e.Addr.bytes(), e.Addr.Port)
}

// bytes returns 4, 16 or, of an onion service, 32 bytes.
func (a Addr) bytes() []byte {
	if a.IsOnion() {
		return a.Onion[:]
	}
	return a.IP.AsSlice()
}

func fromBytes(b []byte, port uint16) (Addr, bool) {
	a := Addr{Port: port}
	if len(b) == len(a.Onion) {
		a.Onion = [32]byte(b)
		return a, true
	}
	ip, ok := netip.AddrFromSlice(b)
	a.IP = ip
	return a, ok && !ip.Is4In6()
}
