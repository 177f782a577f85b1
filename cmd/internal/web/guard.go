package web

import (
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"sync"
)

// Keys are what a browser must know: other users of the machine, and pages of other sites, do not.
type Keys struct {
	token string

	mu     sync.Mutex
	ticket string // opens the page once; empty when it was used
}

// NewKeys makes keys that nobody guesses.
func NewKeys() *Keys { return &Keys{token: rand.Text(), ticket: rand.Text()} }

// Token opens the page as long as the server runs. It belongs to the person at the terminal.
func (k *Keys) Token() string { return k.token }

// Ticket opens the page once. It may stand where others read it: in the list of processes, once a browser is started with it.
func (k *Keys) Ticket() string { return k.ticket }

// exchange gives the token for a key.
func (k *Keys) exchange(w http.ResponseWriter, key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	once := k.ticket != "" && same(key, k.ticket)
	if !once && !same(key, k.token) {
		refuse(w, http.StatusForbidden, "this address has been used, or is of another run: take the one that kitout has printed")
		return
	}
	if once {
		k.ticket = ""
	}
	answer(w, http.StatusOK, map[string]string{"token": k.token})
}

// wanted lets only those requests through that carry the token. It is a header and no cookie: what a cookie is sent with does not
// depend on the port, and other programs of this machine have other ports.
func (k *Keys) wanted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !found || !same(token, k.token) {
			refuse(w, http.StatusUnauthorized, "this page is of another run: open the address that kitout has printed")
			return
		}
		next(w, r)
	}
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// headers are on every response. Nothing but the page's own files is loaded, and no text becomes markup or script.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
		"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Cache-Control":                "no-cache",
}

// guard refuses requests under another name than this machine's own, as after a rebinding of DNS, and those of other sites.
func guard(next http.Handler) http.Handler {
	own := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		if !loopback(r) {
			refuse(w, http.StatusMisdirectedRequest, "this server answers on localhost alone")
			return
		}
		own.ServeHTTP(w, r)
	})
}

// loopback says whether a request names this machine and the port that it came to.
func loopback(r *http.Request) bool {
	host, port, err := net.SplitHostPort(r.Host)
	local, is := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if err != nil || !is || host != "127.0.0.1" && host != "localhost" {
		return false
	}
	_, served, err := net.SplitHostPort(local.String())
	return err == nil && port == served
}
