import org.codelibs.opensearch.runner.OpenSearchRunner;

/** A node of OpenSearch on the loopback address, until it is killed: java -cp … Node.java FOLDER HTTP-PORT TRANSPORT-PORT. */
class Node {
    public static void main(String[] arguments) throws Exception {
        var runner = new OpenSearchRunner();
        runner.onBuild((index, settings) -> {
            settings.put("discovery.type", "single-node");
            settings.put("network.host", "127.0.0.1");
            settings.put("http.port", arguments[1]);
            settings.put("transport.port", arguments[2]);
        }).build(OpenSearchRunner.newConfigs().basePath(arguments[0]).numOfNode(1).clusterName("e2e").disableESLogger());
        runner.ensureYellow();
        Thread.sleep(Long.MAX_VALUE);
    }
}
