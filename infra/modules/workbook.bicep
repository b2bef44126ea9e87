metadata description = 'The workbook: how the hunts run, and what they found.'

param location string
param tags object
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'vizsla')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Vizsla'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: loadTextContent('../workbook.json')
  }
}
