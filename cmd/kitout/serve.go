package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/cli/browser"
	"github.com/kitout/kitout/cmd/internal/prompt"
	"github.com/kitout/kitout/cmd/internal/web"
	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/check"
	"github.com/kitout/kitout/generator/lock"
	"github.com/spf13/cobra"
)

func newServe(s streams) *cobra.Command {
	var noOpen bool
	var port *value
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Choose on a local web page, look at the files, download them",
		Long: `Serve a page on which every question can be answered: it shows the repository
that follows, why each file is there, and what the last answer has changed. It
gives the command of the answers, and the files as an archive.

The page is for browsers of this machine that know its address: it holds a key,
so treat it as a password. Nothing is written, and nothing asks the network.
Ctrl-C ends it.`,
		Example: `  kitout serve
  kitout serve --port 8800 --no-open`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			number, err := portOf(port)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), number, !noOpen && prompt.Terminal(s.in, s.err), s)
		},
	}
	port = define(cmd.Flags(), "port", "N", "the TCP port (default: one that is free)")
	mustComplete(cmd, "port", nil)
	cmd.Flags().BoolVar(&noOpen, "no-open", false, "start no browser; implied where there is no terminal")
	libraryFlags(cmd, true)
	return cmd
}

// portOf is the port that a flag names; 0: one that is free.
func portOf(flag *value) (int, error) {
	if flag.unsaid() {
		return 0, nil
	}
	const lowest, highest = 1, 65535
	port, err := strconv.Atoi(flag.String())
	if err != nil || port < lowest || port > highest {
		return 0, &generator.UsageError{
			Flag: "--port", Problem: fmt.Sprintf("%q is no TCP port", flag.String()), Hint: fmt.Sprintf("a number from %d to %d, or no --port for one that is free", lowest, highest),
		}
	}
	return port, nil
}

// Times that bound what a browser may take, and how long an answer may go on once the command is to end.
const (
	servePatience = 30 * time.Second
	serveGoodbye  = time.Second
)

// serve runs the page until the command is interrupted.
func serve(ctx context.Context, port int, open bool, s streams) error {
	tool, err := webTool(s.library)
	if err != nil {
		return err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", address)
	if system, is := errors.AsType[*os.SyscallError](err); is && port != 0 {
		return &generator.UsageError{
			Flag: "--port", Problem: fmt.Sprintf("%d: %v", port, system.Err), Hint: "choose another, or leave it out for one that is free",
		}
	}
	if err != nil {
		return err
	}
	keys := web.NewKeys()
	server := &http.Server{
		Handler: web.Handler(tool, keys), ErrorLog: log.New(s.err, "warning: ", 0),
		ReadHeaderTimeout: servePatience, ReadTimeout: servePatience, WriteTimeout: servePatience, MaxHeaderBytes: 16 << 10,
	}
	page := fmt.Sprintf("http://%s/#", listener.Addr())
	fmt.Fprintln(s.out, page+keys.Token())
	fmt.Fprintln(s.err, "The address above opens the page; Ctrl-C ends it.")
	if open {
		browser.Stdout, browser.Stderr = io.Discard, io.Discard
		go func() {
			if err := browser.OpenURL(page + keys.Ticket()); err != nil {
				fmt.Fprintln(s.err, "warning: no browser could be started: open the address yourself")
			}
		}()
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	goodbye, cancel := context.WithTimeout(context.WithoutCancel(ctx), serveGoodbye)
	defer cancel()
	if server.Shutdown(goodbye) != nil {
		return server.Close() // a browser that does not read
	}
	return nil
}

// webTool hands the page what the other commands work with.
func webTool(library library) (web.Tool, error) {
	catalog, err := library.catalog()
	if err != nil {
		return web.Tool{}, err
	}
	options, table, err := options()
	if err != nil {
		return web.Tool{}, err
	}
	offer := web.Offer{Version: version(), Sections: check.Titles()}
	if offer.Questions, err = offered(catalog); err != nil {
		return web.Tool{}, err
	}
	if offer.Presets, err = library.allPresets(); err != nil {
		return web.Tool{}, err
	}
	pythons, err := catalog.Pythons()
	if err != nil {
		return web.Tool{}, err
	}
	for _, free := range generator.Free {
		shown := web.Free{Key: free.Key, Title: free.Title, Help: free.Help, Needs: free.Needs}
		if free.Key == "python" { // the base says which there are
			shown.Choices = pythons
		}
		offer.Free = append(offer.Free, shown)
	}
	return web.Tool{
		Catalog: catalog, Options: options, Offer: offer,
		Resolve: func(answers map[string][]string) (*generator.Answers, error) {
			return resolveNew(catalog, table, "", generator.Given{Origin: "--%s", Values: answers})
		},
		Command:  func(answers *generator.Answers) string { return shellLine(catalog, answers, answers.Name) },
		Warnings: incompleteLocks,
	}, nil
}

// incompleteLocks says what is left to do for locks that kitout alone cannot complete.
func incompleteLocks(files []generator.File) (warnings []string) {
	for _, file := range files {
		if file.Path == uvLock && lock.IsUvSeed(file.Content) {
			warnings = append(warnings, uvLock+" in the archive has the versions but not yet the files: `make setup` completes it, then commit it")
		}
	}
	return warnings
}
