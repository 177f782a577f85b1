// Package e2e generates repositories with the real command, installs them from their locks, runs their make targets against
// real database servers and a real proxy, and restores their backups. It needs what e2e/setup installs.
package e2e
