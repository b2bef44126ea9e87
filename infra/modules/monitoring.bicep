metadata description = 'Application Insights, on a workspace that is given or made. Whoever sends shows a token: keys are refused.'

param insightsName string
param workspaceName string
param workspaceId string
param retentionDays int
param location string
param tags object

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = if (empty(workspaceId)) {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    retentionInDays: retentionDays
    sku: {
      name: 'PerGB2018'
    }
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    DisableLocalAuth: true
    IngestionMode: 'LogAnalytics'
    WorkspaceResourceId: empty(workspaceId) ? workspace.id : workspaceId
  }
}

output insightsName string = insights.name
output workspaceId string = empty(workspaceId) ? workspace.id : workspaceId
