metadata description = 'The rule by which findings reach their table. It is direct: it has an endpoint of its own.'

param name string
param location string
param tags object
param workspaceId string

var stream = 'Custom-VizslaFindings'

resource rule 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: name
  location: location
  tags: tags
  kind: 'Direct'
  properties: {
    streamDeclarations: {
      '${stream}': {
        columns: loadJsonContent('../findings-table.json')
      }
    }
    destinations: {
      logAnalytics: [
        {
          name: 'workspace'
          workspaceResourceId: workspaceId
        }
      ]
    }
    dataFlows: [
      {
        streams: [stream]
        destinations: ['workspace']
        transformKql: 'source'
        outputStream: '${stream}_CL'
      }
    ]
  }
}

output endpoint string = rule.properties.endpoints.logsIngestion
output immutableId string = rule.properties.immutableId
output stream string = stream
