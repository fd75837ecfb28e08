// Command webhook serves the pod mutator of azure-workload-identity, the package that AKS runs, on a loopback port.
// The package's own command runs inside a cluster and rotates its certificates there. This command gets its kubeconfig
// and its certificates from flags.
package main

import (
	"flag"
	"log/slog"
	"os"

	"github.com/Azure/azure-workload-identity/pkg/webhook"
	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgo "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
)

func main() {
	certificates := flag.String("webhook-cert-dir", "", "folder with tls.crt and tls.key")
	host := flag.String("host", "127.0.0.1", "address to listen on")
	port := flag.Int("port", 0, "port to listen on")
	flag.Parse() // --kubeconfig is registered by controller-runtime

	ctrl.SetLogger(logr.FromSlogHandler(slog.Default().Handler()))
	if err := serve(*certificates, *host, *port); err != nil {
		slog.Error("the webhook stopped", "error", err)
		os.Exit(1)
	}
}

// serve answers admission reviews until SIGTERM or SIGINT.
func serve(certificates, host string, port int) error {
	until := ctrl.SetupSignalHandler()
	scheme := runtime.NewScheme()
	if err := clientgo.AddToScheme(scheme); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:        scheme,
		Metrics:       metrics.Options{BindAddress: "0"},
		WebhookServer: ctrlwebhook.NewServer(ctrlwebhook.Options{Host: host, Port: port, CertDir: certificates}),
	})
	if err != nil {
		return err
	}
	// The informer starts now, so that the first pod does not wait until the service accounts have been listed.
	if _, err := manager.GetCache().GetInformer(until, &corev1.ServiceAccount{}); err != nil {
		return err
	}
	mutator, err := webhook.NewPodMutator(
		manager.GetClient(), manager.GetAPIReader(), webhook.DefaultAudience, scheme, config, "", "")
	if err != nil {
		return err
	}
	// The manager starts its webhook server because GetWebhookServer was called.
	manager.GetWebhookServer().Register("/mutate-v1-pod", &ctrlwebhook.Admission{Handler: mutator})
	return manager.Start(until)
}
