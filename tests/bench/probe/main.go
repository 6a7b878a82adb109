// The measured function of tests/conformance/probe.py, with the Go shim: the same three reads and
// two writes, as a service with the same environment. Only for `scripts/bench network`.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

type probe struct{}

func (probe) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

func (probe) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	function, keys := stub.GetFunctionAndParameters()
	if function != "three_reads_two_writes" || len(keys) != 3 {
		return &peer.Response{Status: 404, Message: "no such function"}
	}
	found := 0
	for _, key := range keys {
		value, err := stub.GetState(key)
		if err != nil {
			return shim.Error(err.Error())
		}
		if value != nil {
			found++
		}
	}
	for _, key := range keys[:2] {
		if err := stub.PutState(key, []byte(stub.GetTxID())); err != nil {
			return shim.Error(err.Error())
		}
	}
	answer, err := json.Marshal(found)
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(answer)
}

func read(variable string) []byte {
	content, err := os.ReadFile(os.Getenv(variable))
	if err != nil {
		log.Fatal(err)
	}
	return content
}

func main() {
	server := &shim.ChaincodeServer{
		CCID:    os.Getenv("CHAINCODE_ID"),
		Address: os.Getenv("CHAINCODE_SERVER_ADDRESS"),
		CC:      probe{},
		TLSProps: shim.TLSProperties{
			Key:           read("CHAINCODE_TLS_KEY_FILE"),
			Cert:          read("CHAINCODE_TLS_CERT_FILE"),
			ClientCACerts: read("CHAINCODE_CLIENT_CA_FILE"),
		},
	}
	http.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	go func() { log.Fatal(http.ListenAndServe(os.Getenv("CHAINCODE_METRICS_ADDRESS"), nil)) }()
	log.Fatal(server.Start())
}
