package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// vault is a running OpenBao, which speaks Vault's API, with one secret that a policy lets its holder read.
type vault struct {
	r       *repository
	address string
	stop    func()
}

const (
	vaultRoot = "root-of-e2e"
	vaultPath = "shop/production"
)

func (r *repository) newVault() *vault {
	r.t.Helper()
	port := freePort(r.t)
	v := &vault{r: r, address: fmt.Sprintf("http://127.0.0.1:%d", port)}
	v.stop = r.runsUntilStopped(port, "/v1/sys/health", "bao", "server", "-dev", "-dev-root-token-id="+vaultRoot,
		"-dev-no-store-token", "-dev-listen-address=127.0.0.1:"+strconv.Itoa(port))
	v.ask("POST", "sys/policies/acl/shop", map[string]string{"policy": `path "secret/data/` + vaultPath + `" { capabilities = ["read"] }`})
	return v
}

// ask calls the API as its root.
func (v *vault) ask(method, path string, body any) map[string]any {
	v.r.t.Helper()
	return v.r.call(method, v.address+"/v1/"+path, body, "X-Vault-Token", vaultRoot)
}

// write replaces the values of the secret.
func (v *vault) write(values map[string]string) {
	v.r.t.Helper()
	v.ask("POST", "secret/data/"+vaultPath, map[string]any{"data": values})
}

// manager is the vault for who has these variables as well.
func (v *vault) manager(write func(map[string]string), confidential []string, env ...string) manager {
	return manager{
		env:          append(env, "SECRETS_PATH="+vaultPath, "VAULT_ADDR="+v.address),
		write:        write,
		stop:         v.stop,
		refusal:      "SECRETS_PATH: Vault does not give '" + vaultPath + "': ",
		confidential: append(confidential, vaultRoot),
	}
}

// startVault has an AppRole that may read the secret. Its tokens live for five seconds, unless they are renewed, and for eight seconds
// at most.
func (r *repository) startVault() manager {
	r.t.Helper()
	v := r.newVault()
	v.ask("POST", "sys/auth/approle", map[string]string{"type": "approle"})
	v.ask("POST", "auth/approle/role/shop", map[string]any{"token_policies": "shop", "token_ttl": "5s", "token_max_ttl": "8s"})
	role := v.ask("GET", "auth/approle/role/shop/role-id", nil)["data"].(map[string]any)["role_id"].(string)
	id := v.ask("POST", "auth/approle/role/shop/secret-id", map[string]any{})["data"].(map[string]any)["secret_id"].(string)
	writeFile(r.t, r.path("secrets/vault_secret_id"), id+"\n")
	return v.manager(v.write, []string{id}, "VAULT_ROLE_ID="+role, "VAULT_SECRET_ID_FILE="+r.path("secrets/vault_secret_id"))
}

// startVaultOfCluster lets in whom a cluster knows by the token of a service account, which is another one after each change of the
// values, as the kubelet renews what it mounts. Vault's tokens live as briefly as those of startVault.
func (r *repository) startVaultOfCluster() manager {
	r.t.Helper()
	v := r.newVault()
	c := newAccountCluster(r.t)
	v.ask("POST", "sys/auth/kubernetes", map[string]string{"type": "kubernetes"})
	v.ask("POST", "auth/kubernetes/config", map[string]any{
		"kubernetes_host": c.URL, "token_reviewer_jwt": reviewerToken, "disable_local_ca_jwt": true,
		"kubernetes_ca_cert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw})),
	})
	v.ask("POST", "auth/kubernetes/role/shop", map[string]any{
		"bound_service_account_names": "shop", "bound_service_account_namespaces": "shop-production", "audience": "vault",
		"token_policies": "shop", "token_ttl": "5s", "token_max_ttl": "8s",
	})
	file := r.path("secrets/vault_jwt")
	r.t.Cleanup(func() { c.reviewedEach(r.t, 2) })
	return v.manager(func(values map[string]string) {
		writeFile(r.t, file, c.newToken(r.t))
		v.write(values)
	}, []string{reviewerToken}, "VAULT_ROLE=shop", "VAULT_JWT_FILE="+file)
}

// reviewerToken is by what the cluster knows Vault.
const reviewerToken = "5cReviewerToken"

// accountCluster stands in for the API of a cluster that is asked whose a token is. It knows the newest one alone.
type accountCluster struct {
	*httptest.Server
	key *ecdsa.PrivateKey

	mutex    sync.Mutex
	token    string
	issued   int
	reviewed []int // which of the issued ones were found good, in order
}

func newAccountCluster(t testing.TB) *accountCluster {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &accountCluster{key: key}
	c.Server = httptest.NewTLSServer(c)
	t.Cleanup(c.Close)
	return c
}

// newToken is one of the service account shop, in place of the former.
func (c *accountCluster) newToken(t testing.TB) string {
	t.Helper()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.issued++
	encode := func(value any) string {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	now := time.Now().Unix()
	signed := encode(map[string]string{"alg": "ES256", "typ": "JWT"}) + "." + encode(map[string]any{
		"iss": c.URL, "sub": "system:serviceaccount:shop-production:shop", "aud": []string{"vault"}, "jti": strconv.Itoa(c.issued),
		"iat": now, "nbf": now, "exp": now + 3600,
		"kubernetes.io": map[string]any{
			"namespace": "shop-production", "serviceaccount": map[string]string{"name": "shop", "uid": "9c1f"},
		},
	})
	sum := sha256.Sum256([]byte(signed))
	a, b, err := ecdsa.Sign(rand.Reader, c.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(a.FillBytes(make([]byte, 32)), b.FillBytes(make([]byte, 32))...)
	c.token = signed + "." + base64.RawURLEncoding.EncodeToString(signature)
	return c.token
}

func (c *accountCluster) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var review struct {
		Spec struct {
			Token     string
			Audiences []string
		}
	}
	err := json.NewDecoder(request.Body).Decode(&review)
	if err != nil || request.URL.Path != "/apis/authentication.k8s.io/v1/tokenreviews" || request.Header.Get("Authorization") != "Bearer "+reviewerToken {
		http.Error(w, fmt.Sprintf("%s: %v", request.URL, err), http.StatusForbidden)
		return
	}
	status := map[string]any{"authenticated": false, "error": "the token is not known"}
	if review.Spec.Token == c.token && slices.Contains(review.Spec.Audiences, "vault") {
		c.reviewed = append(c.reviewed, c.issued)
		status = map[string]any{
			"authenticated": true, "audiences": []string{"vault"},
			"user": map[string]any{
				"username": "system:serviceaccount:shop-production:shop", "uid": "9c1f",
				"groups": []string{"system:serviceaccounts", "system:serviceaccounts:shop-production"},
			},
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	json.NewEncoder(w).Encode(map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status})
}

// reviewedEach wants that who came with each of the tokens was let in.
func (c *accountCluster) reviewedEach(t testing.TB, count int) {
	t.Helper()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for number := 1; number <= count; number++ {
		if !slices.Contains(c.reviewed, number) {
			t.Errorf("nobody came with the token %d of %d: %v", number, count, c.reviewed)
		}
	}
}
