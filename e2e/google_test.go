package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"connectrpc.com/vanguard/vanguardgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

// googleSecret is the name of the one secret that a secretManager holds.
const googleSecret = "projects/e2e/secrets/shop"

// secretManager is Google's service as its published definition has it, in so far as a service that reads needs it.
type secretManager struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer

	mutex   sync.Mutex
	payload []byte     // of the newest version
	problem codes.Code // instead of it
}

func (m *secretManager) AccessSecretVersion(_ context.Context, request *secretmanagerpb.AccessSecretVersionRequest) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if request.Name != googleSecret+"/versions/latest" {
		return nil, grpcstatus.Errorf(codes.NotFound, "Secret Version [%s] not found.", request.Name)
	}
	if m.problem != codes.OK {
		return nil, grpcstatus.Error(m.problem, m.problem.String())
	}
	return &secretmanagerpb.AccessSecretVersionResponse{
		Name:    googleSecret + "/versions/1",
		Payload: &secretmanagerpb.SecretPayload{Data: m.payload},
	}, nil
}

// set changes what is answered.
func (m *secretManager) set(problem codes.Code, payload []byte) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.problem, m.payload = problem, payload
}

// startGoogle starts a gRPC server of Secret Manager, and before it what turns HTTP into gRPC by the annotations of the service's
// definition alone: a path, a method or a parameter that the definition lacks is an error.
func (r *repository) startGoogle() manager {
	r.t.Helper()
	held := &secretManager{payload: []byte("{}")}
	service := grpc.NewServer()
	secretmanagerpb.RegisterSecretManagerServiceServer(service, held)
	transcoder, err := vanguardgrpc.NewTranscoder(service)
	if err != nil {
		r.t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		// The definition does not have the parameters that all services of Google take; the official client sends this one
		request.URL.RawQuery = strings.TrimPrefix(request.URL.RawQuery, "%24alt=json%3Benum-encoding%3Dint")
		transcoder.ServeHTTP(w, request)
	}))
	r.t.Cleanup(server.Close)
	for path, want := range map[string]bool{":access": true, ":acces": false, ":access?verson=1": false} {
		response, err := http.Get(server.URL + "/v1/" + googleSecret + "/versions/latest" + path)
		if err != nil {
			r.t.Fatal(err)
		}
		response.Body.Close()
		if got := response.StatusCode == http.StatusOK; got != want {
			r.t.Errorf("%s is answered with %s", path, response.Status)
		}
	}
	return manager{
		env: []string{"SECRETS_PATH=" + googleSecret, "SECRET_MANAGER_ENDPOINT=" + server.URL},
		write: func(values map[string]string) {
			payload, _ := json.Marshal(values)
			held.set(codes.OK, payload)
		},
		stop:    server.Close,
		refusal: "SECRETS_PATH: Google Secret Manager does not give '" + googleSecret + "': ",
		answers: map[string]func(){
			"Forbidden":  func() { held.set(codes.PermissionDenied, nil) },
			"NotFound":   func() { held.set(codes.NotFound, nil) },
			"BadRequest": func() { held.set(codes.InvalidArgument, nil) },
		},
	}
}
