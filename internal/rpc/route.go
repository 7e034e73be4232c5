package rpc

import (
	"net/url"
	"regexp"
	"strings"
)

// route is what a request's path asks for.
type route struct {
	chain, wallet string
	events        bool
}

// named is what chains and wallets may be called in a path. A name becomes part of a file's path somewhere; here is where
// the ways out end.
var named = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._ -]{0,63}$`)

// routeOf reads an escaped path: /, /events, and pairs of /chain/NAME and /wallet/NAME, each once at most.
func routeOf(escaped string) (r route, ok bool) {
	if escaped == "/" || escaped == "" {
		return r, true
	}
	if escaped == "/events" {
		return route{events: true}, true
	}
	parts := strings.Split(strings.TrimSuffix(escaped, "/"), "/")[1:]
	if len(parts) != 2 && len(parts) != 4 {
		return r, false
	}
	for i := 0; i < len(parts); i += 2 {
		name, err := url.PathUnescape(parts[i+1])
		if err != nil || !named.MatchString(name) || strings.Contains(name, "..") {
			return r, false
		}
		switch {
		case parts[i] == "chain" && r.chain == "" && r.wallet == "":
			r.chain = name
		case parts[i] == "wallet" && r.wallet == "":
			r.wallet = name
		default:
			return r, false
		}
	}
	return r, true
}
